import type { INestApplication, LoggerService } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import type { SessionStoreDefinition } from 'nest-sessions';
import type { DemoConfig } from './config/demo-config.js';
import { DemoModule } from './demo.module.js';
import { securityHeaders } from './pages/security-headers.js';
import { sessionStoreFor } from './session-store.js';

export interface DemoAppSettings {
  readonly config: DemoConfig;
  readonly databaseUrl: string;
  readonly logger: LoggerService;
  /** Default: the one that the configuration chose. */
  readonly store?: SessionStoreDefinition;
}

/** The application, not listening yet. Rejects, rather than ending the process, when it cannot be put together. */
export async function createDemoApp({
  config,
  databaseUrl,
  logger,
  store = sessionStoreFor(config),
}: DemoAppSettings): Promise<INestApplication> {
  const app = await NestFactory.create(
    DemoModule.register({ config, databaseUrl, store }),
    await createHttpAdapter(config),
    { logger, abortOnError: false },
  );
  app.use(securityHeaders({ https: config.production }));
  return app;
}

async function createHttpAdapter({ httpAdapter }: DemoConfig): Promise<AbstractHttpAdapter> {
  if (httpAdapter === 'fastify') {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return new FastifyAdapter();
  }
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  const adapter = new ExpressAdapter();
  adapter.disable('x-powered-by');
  return adapter;
}
