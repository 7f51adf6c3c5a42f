import type { INestApplication } from '@nestjs/common';
import type { Server } from 'node:http';

const SWEEP_MS = 100;

/**
 * Closes the application once the requests under way are answered.
 *
 * Node closes the connections that are idle when the server stops listening, but keeps those that become idle later:
 * for 5 seconds, or 72 on Fastify.
 */
export async function closeApp(app: INestApplication): Promise<void> {
  const server = app.getHttpServer() as Server;
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  try {
    await app.close();
  } finally {
    clearInterval(sweep);
  }
}
