import { normalizeUserAgent } from '../../core/client/client-details.js';
import type { IpAddressForm } from '../../core/client/ip-address-form.js';
import type { CsrfRejection } from '../../core/events/session-events.js';
import type { IsolationRejection } from '../../core/events/security-events.js';
import type { HttpExchange } from '../request/http-exchange.js';

/**
 * One request with its verdicts. A verdict depends on the request alone, so it is computed once and holds for every handler
 * of the request. Exemptions are checked for each handler.
 */
export interface CheckedRequest {
  readonly exchange: HttpExchange;
  /** `undefined` until it was computed. */
  csrfVerdict?: CsrfRejection['refusal'] | 'fine';
  isolationVerdict?: IsolationRejection['refusal'] | 'fine';
  isCsrfReported?: boolean;
  isIsolationReported?: boolean;
}

const MAX_LENGTH = 200;

/** Returns the fields of every event about a refused request. */
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

/** Returns a header's value for events and logs, shortened. `null` when absent. */
export function excerpt(value: string | readonly string[] | undefined): string | null {
  return value === undefined ? null : [value].flat().join(', ').slice(0, MAX_LENGTH);
}

/** Quotes as JSON in printable ASCII, so that a header cannot forge log lines or control a terminal. */
export function quote(value: string | null): string {
  const escape = (one: string) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[^\u0020-\u007e]/g, escape);
}
