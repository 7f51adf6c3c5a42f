import type { INestApplication, LoggerService } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { STATUS_CODES } from 'node:http';
import type { SessionStoreDefinition } from 'nest-sessions';
import type { DemoConfig } from './config/demo-config.js';
import { DemoModule } from './demo.module.js';
import { securityHeaders, setHeaders, type HeaderTarget } from './pages/security-headers.js';
import { sessionStoreFor } from './session-store.js';

export interface DemoAppSettings {
  readonly config: DemoConfig;
  readonly databaseUrl: string;
  readonly logger: LoggerService;
  /** Default: the one that the configuration chose. */
  readonly store?: SessionStoreDefinition;
}

interface RawAnswer extends HeaderTarget {
  statusCode: number;
  end(body: string): unknown;
}

/** The application, not listening yet. Rejects, rather than ending the process, when it cannot be put together. */
export async function createDemoApp({
  config,
  databaseUrl,
  logger,
  store = sessionStoreFor(config),
}: DemoAppSettings): Promise<INestApplication> {
  const headers = securityHeaders({ https: config.production });
  const app = await NestFactory.create(
    DemoModule.register({ config, databaseUrl, store }),
    await createHttpAdapter(config, headers),
    { logger, abortOnError: false },
  );
  app.use((_request: unknown, response: HeaderTarget, next: () => void) => {
    setHeaders(response, headers);
    next();
  });
  return app;
}

async function createHttpAdapter(
  { httpAdapter }: DemoConfig,
  headers: Record<string, string>,
): Promise<AbstractHttpAdapter> {
  if (httpAdapter === 'fastify') {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return new FastifyAdapter({
      // An address that the router cannot read is answered before any hook or middleware runs.
      frameworkErrors: (error: { statusCode?: number }, _request: unknown, { raw }: { raw: RawAnswer }) => {
        const statusCode = error.statusCode ?? 500;
        setHeaders(raw, { ...headers, 'Content-Type': 'application/json' });
        raw.statusCode = statusCode;
        raw.end(JSON.stringify({ statusCode, message: STATUS_CODES[statusCode] }));
      },
    });
  }
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  const adapter = new ExpressAdapter();
  adapter.disable('x-powered-by');
  return adapter;
}
