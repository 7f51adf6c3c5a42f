import { HttpException } from '@nestjs/common';

/** `@nestjs/websockets`, an optional peer: whoever has gateways has it, and nobody else loads it. */
const loadWebsockets = () => import('@nestjs/websockets').catch(() => undefined);

/** What a gateway's client is told in place of an HTTP answer; other errors stay what they are. */
export async function toWsException(error: unknown): Promise<unknown> {
  if (!(error instanceof HttpException)) return error;
  const websockets = await loadWebsockets();
  if (!websockets) return error;
  const body = error.getResponse();
  return new websockets.WsException(typeof body === 'string' ? body : { status: 'error', ...body });
}
