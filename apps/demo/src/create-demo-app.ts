import type { INestApplication, LoggerService } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import type { KeyObject } from 'node:crypto';
import { STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { SessionStoreDefinition } from 'nest-sessions';
import type { DemoConfig } from './config/demo-config.js';
import { DemoModule } from './demo.module.js';
import { securityHeaders } from './pages/security-headers.js';
import { sessionStoreFor } from './session-store.js';

export interface DemoAppSettings {
  readonly config: DemoConfig;
  readonly databaseUrl: string;
  readonly logger: LoggerService;
  /** What second factors are sealed under: 32 bytes. */
  readonly secondFactorKey: KeyObject;
  /** The clock that codes are checked by. Default the computer's. */
  readonly nowMs?: () => number;
  /** Default: the one that the configuration chose. */
  readonly store?: SessionStoreDefinition;
}

/** The application, not listening yet. Rejects, rather than ending the process, when it cannot be put together. */
export async function createDemoApp({
  config,
  databaseUrl,
  logger,
  secondFactorKey,
  nowMs = Date.now,
  store = sessionStoreFor(config),
}: DemoAppSettings): Promise<INestApplication> {
  const app = await NestFactory.create(
    DemoModule.register({ config, databaseUrl, store, secondFactor: { key: secondFactorKey, nowMs } }),
    await createHttpAdapter(config),
    { logger, abortOnError: false },
  );
  // Before either framework: Fastify answers targets that are no path, or that its router cannot read, without any hook.
  const server = app.getHttpServer() as Server;
  server.prependListener('request', securityHeaders({ https: config.production }));
  return app;
}

async function createHttpAdapter({ httpAdapter }: DemoConfig): Promise<AbstractHttpAdapter> {
  if (httpAdapter === 'fastify') {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return new FastifyAdapter({
      // An address that the router cannot read gets Fastify's own words otherwise.
      frameworkErrors: (error: { statusCode?: number }, _request: unknown, reply: { raw: unknown }) => {
        // Of HTTP/1, because nothing here turns HTTP/2 on.
        const response = reply.raw as ServerResponse;
        const statusCode = error.statusCode ?? 500;
        response.setHeader('Content-Type', 'application/json');
        response.statusCode = statusCode;
        response.end(JSON.stringify({ statusCode, message: STATUS_CODES[statusCode] }));
      },
    });
  }
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  const adapter = new ExpressAdapter();
  adapter.disable('x-powered-by');
  return adapter;
}
