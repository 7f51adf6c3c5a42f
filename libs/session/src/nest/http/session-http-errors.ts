import {
  ConflictException,
  ForbiddenException,
  HttpException,
  Injectable,
  Logger,
  PayloadTooLargeException,
  ServiceUnavailableException,
  type ArgumentsHost,
} from '@nestjs/common';
import {
  SessionDataTooLargeError,
  SessionLimitReachedError,
  SessionSignInRefusedError,
  SessionStoreUnavailableError,
  SessionUpdateConflictError,
} from '../../core/session/session-errors.js';
import { LOG_CONTEXT } from '../options/session.constants.js';
import { HttpExchange, SessionClientGoneError } from '../request/http-exchange.js';

const RETRY_AFTER_SECONDS = 5;
const OUTAGE_LOG_INTERVAL_MS = 10_000;

/**
 * Converts session errors to HTTP exceptions. `SessionModule` uses it for its answers. Inject it into a catch-all exception
 * filter of your own to give the same answers.
 *
 * Bodies are `{ statusCode, error, message }`. They say what a client can act on, and nothing about the session.
 *
 * @example
 * catch(error: unknown, host: ArgumentsHost) {
 *   super.catch(this.sessionErrors.findException(error, host) ?? error, host);
 * }
 */
@Injectable()
export class SessionHttpErrors {
  private readonly logger = new Logger(LOG_CONTEXT);
  private outageLoggedAtMs = -Infinity;

  /**
   * Returns the exception to answer with, and sets its headers on the response. `undefined` for errors of the application
   * (`SessionArgumentError`) and other errors, which are a 500.
   */
  findException(error: unknown, host: ArgumentsHost): HttpException | undefined {
    if (error instanceof SessionStoreUnavailableError) return this.unavailable(error, host);
    if (error instanceof SessionLimitReachedError) {
      return new ConflictException(body(409, 'session_limit_reached', 'Too many sessions'), { cause: error });
    }
    if (error instanceof SessionSignInRefusedError) {
      return new ForbiddenException(body(403, 'sign_in_refused', 'Forbidden'), { cause: error });
    }
    if (error instanceof SessionUpdateConflictError) {
      return new ConflictException(body(409, 'session_update_conflict', 'Try again'), { cause: error });
    }
    if (error instanceof SessionClientGoneError) {
      return new HttpException(body(499, 'client_gone', 'Client Closed Request'), 499, { cause: error });
    }
    if (error instanceof SessionDataTooLargeError) {
      return new PayloadTooLargeException(body(413, 'session_data_too_large', 'Payload Too Large'), { cause: error });
    }
    return undefined;
  }

  private unavailable(error: SessionStoreUnavailableError, host: ArgumentsHost): HttpException {
    this.logOutage(error);
    const exchange = HttpExchange.of(host);
    if (!exchange.isAnswered) exchange.setHeader('retry-after', String(RETRY_AFTER_SECONDS));
    return new ServiceUnavailableException(body(503, 'sessions_unavailable', 'Service Unavailable'), { cause: error });
  }

  private logOutage(error: SessionStoreUnavailableError): void {
    const nowMs = performance.now();
    if (nowMs - this.outageLoggedAtMs < OUTAGE_LOG_INTERVAL_MS) return;
    this.outageLoggedAtMs = nowMs;
    this.logger.error(`requests are answered with 503 (further ones within 10 s are not logged): ${error.message}`);
  }
}

function body(statusCode: number, error: string, message: string) {
  return { statusCode, error, message };
}
