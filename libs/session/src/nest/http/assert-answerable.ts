import { SessionArgumentError } from '../../core/session/session-errors.js';
import { SessionClientGoneError } from '../request/client-gone.error.js';
import type { HttpExchange } from '../request/http-exchange.js';

/**
 * @throws {SessionClientGoneError} The client hung up.
 * @throws {SessionArgumentError} It is too late to hand over a token.
 */
export function assertAnswerable(exchange: HttpExchange): void {
  if (exchange.isAbandoned) {
    throw new SessionClientGoneError('the client closed the connection, so it would not get its new token');
  }
  if (!exchange.isAnswered) return;
  throw new SessionArgumentError(
    'the response has been sent, so a new token cannot reach the client: await HttpSession before answering; in GraphQL ' +
      'on Fastify the context has to hold the response: context: (req, reply) => ({ req, reply })',
  );
}
