import { HttpException } from '@nestjs/common';

/** Loads `@nestjs/websockets`, an optional peer that every application with gateways has. */
const loadWebsockets = () => import('@nestjs/websockets').catch(() => undefined);

/** Converts an `HttpException` to the exception that Nest sends to a gateway's client. Returns other errors unchanged. */
export async function toWsException(error: unknown): Promise<unknown> {
  if (!(error instanceof HttpException)) return error;
  const websockets = await loadWebsockets();
  if (!websockets) return error;
  const body = error.getResponse();
  return new websockets.WsException(typeof body === 'string' ? body : { status: 'error', ...body });
}
