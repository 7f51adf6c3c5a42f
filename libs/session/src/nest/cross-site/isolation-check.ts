import type { IsolationRejection } from '../../core/events/security-events.js';
import { isSafeMethod, readHeader } from './cross-origin-check.js';
import { type CrossOriginRules, formatOrigin, parseOrigin } from '../options/origin.js';
import type { CrossOriginRequest } from '../request/csrf-call.js';

/** What the verdict depends on, for caches. */
export const ISOLATION_HEADERS = ['Sec-Fetch-Site', 'Sec-Fetch-Mode', 'Sec-Fetch-Dest', 'Origin'] as const;

/**
 * Whether a page of another site wants the answer for itself: the resource isolation policy of W3C Fetch Metadata, for the
 * methods that `checkCrossOrigin` leaves alone. Links of any site lead in, because they open a page of its own.
 *
 * Browsers that say nothing of sites are let through: for them there is `Cross-Origin-Resource-Policy`.
 */
export function checkIsolation(
  { method, headers }: CrossOriginRequest,
  { trustedOrigins }: Pick<CrossOriginRules, 'trustedOrigins'>,
): IsolationRejection['refusal'] | undefined {
  if (!isSafeMethod(method)) return undefined;
  const site = readHeader(headers, 'sec-fetch-site');
  if (site === '' || site === 'same-origin' || site === 'none') return undefined;
  const mode = readHeader(headers, 'sec-fetch-mode');
  // By what is allowed, not by what is refused: frames and objects navigate too, to destinations of their own.
  if (method === 'GET' && mode === 'navigate' && readHeader(headers, 'sec-fetch-dest') === 'document') return undefined;
  if (mode !== 'cors') return 'embedded';
  const origin = parseOrigin(readHeader(headers, 'origin'));
  return origin && trustedOrigins.has(formatOrigin(origin)) ? undefined : 'fetched';
}
