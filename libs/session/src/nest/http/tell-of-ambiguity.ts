import { normalizeUserAgent } from '../../core/client/client-details.js';
import type { AmbiguousCredentials } from '../../core/events/security-events.js';
import type { RequestClient } from '../request/request-client.js';
import type { RequestSessionParts } from './request-session-parts.interface.js';

/** Says that a request carried what could be read as several sessions. */
export function tellOfAmbiguity(
  { service, logger, toStoredIpAddress }: RequestSessionParts,
  { contradiction, client }: Pick<AmbiguousCredentials, 'contradiction'> & { client: RequestClient },
): void {
  logger.warn(`ambiguous: a request carried ${contradiction} and counts as signed out`);
  service.events.emit('cookie-ambiguous', {
    at: new Date(),
    contradiction,
    ipAddress: toStoredIpAddress(client.ipAddress),
    userAgent: normalizeUserAgent(client.userAgent),
  });
}
