import { normalizeUserAgent } from '../../core/client/client-details.js';
import type { IpAddressForm } from '../../core/client/ip-address-form.js';
import type { CsrfRejection } from '../../core/events/session-events.js';
import type { IsolationRejection } from '../../core/events/security-events.js';
import type { HttpExchange } from '../request/http-exchange.js';

/**
 * One request with the verdicts on it. A verdict depends on the request alone, so it is found once and holds for every
 * handler of the request; whether a handler is exempt is asked for each handler.
 */
export interface CheckedRequest {
  readonly exchange: HttpExchange;
  /** `undefined` until it was asked for. */
  csrfVerdict?: CsrfRejection['refusal'] | 'fine';
  isolationVerdict?: IsolationRejection['refusal'] | 'fine';
  isCsrfReported?: boolean;
  isIsolationReported?: boolean;
}

const MAX_LENGTH = 200;

/** What every event about a refused request says. */
export function describeRequest(exchange: HttpExchange, toStoredIpAddress: IpAddressForm) {
  return {
    method: exchange.method ?? null,
    origin: excerpt(exchange.headers.origin),
    secFetchSite: excerpt(exchange.headers['sec-fetch-site']),
    at: new Date(),
    ipAddress: toStoredIpAddress(exchange.ipAddress),
    userAgent: normalizeUserAgent([exchange.headers['user-agent'] ?? []].flat()[0]),
  };
}

/** What a header said, for events and the log. `null`: nothing. */
export function excerpt(value: string | readonly string[] | undefined): string | null {
  return value === undefined ? null : [value].flat().join(', ').slice(0, MAX_LENGTH);
}

/** JSON in printable ASCII: a header can forge no line of the log and send no command to a terminal. */
export function quote(value: string | null): string {
  const escape = (one: string) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[^\u0020-\u007e]/g, escape);
}
