import { Module, type INestApplication, type LoggerService, type ModuleMetadata } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { memoryStore, SessionModule, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { AccountController } from './account.controller.js';
import { TestBrowser, TestClient } from './test-client.js';
import { WatchedStore } from './watched-store.js';

export type AdapterName = 'express' | 'fastify';

export const ADAPTERS: readonly AdapterName[] = ['express', 'fastify'];

export interface TestAppSettings extends Pick<ModuleMetadata, 'imports' | 'providers' | 'controllers'> {
  /** By name, or one that was set up otherwise. */
  readonly adapter: AdapterName | AbstractHttpAdapter;
  /** Default: a memory store, and no cleanup. */
  readonly options?: Partial<SessionModuleOptions>;
  readonly trustProxy?: boolean;
  readonly configure?: (app: INestApplication) => void | Promise<void>;
}

export interface TestApp {
  readonly nest: INestApplication;
  readonly sessions: SessionService;
  readonly store: WatchedStore;
  readonly client: TestClient;
  /** What the application logged, as `level text`. */
  readonly log: string[];
  openBrowser(): TestBrowser;
  close(): Promise<void>;
}

/** A listening application with sessions, the same on both adapters. */
export async function startTestApp(settings: TestAppSettings): Promise<TestApp> {
  const store = new WatchedStore(settings.options?.store ?? memoryStore());
  const { imports = [], providers = [], controllers = [AccountController] } = settings;
  const options = { cleanup: false as const, ...settings.options, store: store.definition };

  @Module({ imports: [...imports, SessionModule.forRoot(options)], providers, controllers })
  class TestAppModule {}

  const logger = new CollectingLogger();
  const adapter = createAdapter(settings);
  const nest = await NestFactory.create(TestAppModule, adapter, { logger, abortOnError: false });
  await settings.configure?.(nest);
  await nest.listen(0, '127.0.0.1');
  const client = new TestClient(await nest.getUrl());
  return {
    nest,
    store,
    client,
    sessions: nest.get(SessionService),
    log: logger.lines,
    openBrowser: () => new TestBrowser(client),
    close: async () => {
      client.close();
      await nest.close();
    },
  };
}

export function createAdapter({
  adapter,
  trustProxy = false,
}: Pick<TestAppSettings, 'adapter' | 'trustProxy'>): AbstractHttpAdapter {
  if (typeof adapter === 'object') return adapter;
  if (adapter === 'fastify') return new FastifyAdapter({ trustProxy });
  const express = new ExpressAdapter();
  express.set('trust proxy', trustProxy);
  return express;
}

/** Collects what Nest and the library log, debug lines included. */
export class CollectingLogger implements LoggerService {
  readonly lines: string[] = [];
  readonly verbose = this.collect('verbose');
  readonly debug = this.collect('debug');
  readonly log = this.collect('log');
  readonly warn = this.collect('warn');
  readonly error = this.collect('error');
  readonly fatal = this.collect('fatal');

  private collect(level: string) {
    return (message: unknown) => {
      const text = message instanceof Error ? `${message.name}: ${message.message}` : String(message);
      this.lines.push(`${level} ${text}`);
    };
  }
}
