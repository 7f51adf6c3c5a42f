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

/** Tells of tokens that should not be around any more, or never were, in bounded memory. */
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

  /** Tells now of what would be told at the end of the window. */
  flush(): void {
    this.unknown.flush();
  }
}
