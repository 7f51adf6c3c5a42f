import { normalizeUserAgent, type SessionClient } from '../client/client-details.js';
import type { IpAddressForm } from '../client/ip-address-form.js';
import { RecentKeys } from '../support/recent-keys.js';
import type { RefusedToken } from './session-authenticator.js';
import type { SessionEvents } from '../events/session-events.js';
import type { SessionTokens } from '../token/session-token.js';
import { UnknownTokenCounter } from './unknown-token-counter.js';

const MAX_REMEMBERED_USES = 10_000;

export interface SuspiciousTokensParts {
  readonly events: SessionEvents;
  readonly tokens: SessionTokens;
  readonly toStoredIpAddress: IpAddressForm;
}

/** Reports tokens used after their session ended, and tokens that never belonged to one. Its memory is bounded. */
export class SuspiciousTokens {
  private readonly unknown = new UnknownTokenCounter({
    report: (event) => this.parts.events.emit('unknown-tokens', event),
  });
  private readonly uses = new RecentKeys(MAX_REMEMBERED_USES);

  constructor(private readonly parts: SuspiciousTokensParts) {}

  report({ reason, sessionId }: RefusedToken, client: SessionClient = {}): void {
    const ipAddress = this.parts.toStoredIpAddress(client.ipAddress);
    if (reason === 'unknown' || reason === 'wrong-secret' || reason === 'forged') {
      this.unknown.count(ipAddress, reason);
      return;
    }
    if ((reason !== 'ended' && reason !== 'expired') || sessionId === undefined) return;
    if (!this.uses.add(`${sessionId} ${ipAddress}`)) return;
    this.parts.events.emit('used-after-end', {
      at: new Date(),
      id: sessionId,
      reason,
      isTokenProven: this.parts.tokens.provesTokens,
      ipAddress,
      userAgent: normalizeUserAgent(client.userAgent),
    });
  }

  /** Emits the counts of the current window now. */
  flush(): void {
    this.unknown.flush();
  }
}
