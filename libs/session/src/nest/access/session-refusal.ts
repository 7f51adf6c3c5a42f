import { HttpException, UnauthorizedException, type ArgumentsHost } from '@nestjs/common';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { Session } from '../../core/session/session.js';
import { HttpExchange } from '../request/http-exchange.js';
import { isSameOriginPath } from '../request/return-to.js';
import type { SessionShortfall } from './find-shortfall.js';

/** The reason why `SessionGuard` refuses a request. */
export type SessionRefusal =
  | { readonly reason: 'unauthenticated' }
  | { readonly reason: 'second_factor_required'; readonly session: Session }
  | { readonly reason: 'reauth_required'; readonly session: Session; readonly required: SessionShortfall };

/** The argument of the option `redirect`. */
export type SessionPageRefusal = SessionRefusal & {
  /** Path and query of the requested page, safe to return to. `/` when they are not safe. */
  readonly path: string;
};

export type SessionRedirect = (refusal: SessionPageRefusal) => string | undefined;

/**
 * Creates the answer to a refused request: 401 with a machine-readable reason, or for page requests 303 to the page that
 * `redirect` returns. Only the debug log says why a session is not live.
 */
export function refusalException(
  refusal: SessionRefusal,
  { host, redirect }: { host: ArgumentsHost; redirect?: SessionRedirect },
): HttpException {
  const exchange = HttpExchange.of(host);
  if (redirect) {
    // The response depends on these headers, so caches must know.
    if (!exchange.isAnswered) exchange.addVary('Cookie', 'Accept', 'Sec-Fetch-Mode');
    const target = exchange.isPageRequest ? redirect({ ...refusal, path: exchange.path }) : undefined;
    if (target !== undefined) return redirection(exchange, target);
  }
  const answer = answerTo(refusal);
  // RFC 9470 names these parameters. Browsers show no dialog for a scheme that they do not know.
  if (!exchange.isAnswered) exchange.setHeader('www-authenticate', answer.challenge);
  return new UnauthorizedException(answer.body);
}

function redirection(exchange: HttpExchange, target: string): HttpException {
  if (!isSameOriginPath(target)) {
    throw new SessionConfigurationError('redirect', 'must return a path of this site, such as /sign-in, or undefined');
  }
  if (!exchange.isAnswered) {
    exchange.setHeader('location', target);
    exchange.setHeader('cache-control', 'no-store');
  }
  return new HttpException({ statusCode: 303, error: 'see_other', message: 'See Other', location: target }, 303);
}

function answerTo(refusal: SessionRefusal): { readonly challenge: string; readonly body: object } {
  if (refusal.reason === 'unauthenticated') {
    return {
      challenge: 'Session',
      body: { statusCode: 401, error: 'unauthenticated', message: 'Unauthorized' },
    };
  }
  if (refusal.reason === 'second_factor_required') {
    return {
      challenge: 'Session error="insufficient_user_authentication"',
      body: { statusCode: 401, error: 'second_factor_required', message: 'Second factor required' },
    };
  }
  const { maxAgeMs, amr, assuranceLevel, confirmation, isIdentityProviderDue, isInDoubt } = refusal.required;
  const maxAgeSeconds = maxAgeMs === undefined ? undefined : Math.floor(maxAgeMs / 1000);
  return {
    challenge: [
      'Session error="insufficient_user_authentication"',
      ...(maxAgeSeconds === undefined ? [] : [`max_age=${maxAgeSeconds}`]),
      ...(assuranceLevel === undefined ? [] : [`acr_values="${assuranceLevel}"`]),
    ].join(', '),
    body: {
      statusCode: 401,
      error: 'reauth_required',
      message:
        confirmation !== undefined
          ? 'Confirmation required'
          : assuranceLevel === undefined
            ? 'Recent authentication required'
            : 'Stronger authentication required',
      maxAgeSeconds,
      amr,
      assuranceLevel,
      confirmation,
      identityProvider: isIdentityProviderDue,
      anomaly: isInDoubt,
    },
  };
}
