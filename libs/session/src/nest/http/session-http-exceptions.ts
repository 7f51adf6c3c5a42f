import { UnauthorizedException, type ArgumentsHost } from '@nestjs/common';
import { HttpExchange } from './http-exchange.js';

/** 401 without a word on why: the reason is in the debug log only. */
export function unauthenticated(host: ArgumentsHost): UnauthorizedException {
  challenge(host, 'Session');
  return new UnauthorizedException({ statusCode: 401, error: 'unauthenticated', message: 'Unauthorized' });
}

/**
 * 401 that tells a client to have its user prove again who they are.
 *
 * @param maxAgeMs - How long ago that may be.
 */
export function reauthenticationRequired(
  host: ArgumentsHost,
  { maxAgeMs }: { maxAgeMs: number },
): UnauthorizedException {
  const maxAgeSeconds = Math.floor(maxAgeMs / 1000);
  // RFC 9470 names these parameters; a scheme that browsers do not know makes them show no dialogue.
  challenge(host, `Session error="insufficient_user_authentication", max_age=${maxAgeSeconds}`);
  return new UnauthorizedException({
    statusCode: 401,
    error: 'reauth_required',
    message: 'Recent authentication required',
    maxAgeSeconds,
  });
}

function challenge(host: ArgumentsHost, value: string): void {
  const exchange = new HttpExchange(host);
  if (!exchange.isAnswered) exchange.setHeader('www-authenticate', value);
}
