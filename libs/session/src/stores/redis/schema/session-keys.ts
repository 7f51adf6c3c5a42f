import { createHash } from 'node:crypto';
import { userReferenceFor, userReferenceOf } from '../../../core/session/session-id.js';

const REFERENCE_AT_END = /^[0-9a-f]{16}\}$/;

/**
 * The keys of sessions and copies: one per user reference, which decides the slot in a Cluster. And those of the index.
 */
export class SessionKeys {
  constructor(private readonly prefix: string) {}

  of(sessionId: string): string {
    return this.ofReference(userReferenceOf(sessionId));
  }

  ofUser(userId: string): string {
    return this.ofReference(userReferenceFor(userId));
  }

  /** Returns the key of the index of sessions created from one session at an identity provider. */
  ofProviderSession(issuer: string, sessionId: string): string {
    const digest = createHash('sha256')
      .update(JSON.stringify([issuer, sessionId]))
      .digest('hex');
    return `${this.prefix}:idp:{${digest.slice(0, 32)}}`;
  }

  /** Returns a glob that matches every key of sessions, and few others. It includes the prefix that the client adds. */
  pattern(clientPrefix: string): string {
    return `${`${clientPrefix}${this.prefix}`.replaceAll(/[*?[\]\\^]/g, '\\$&')}:{*}`;
  }

  isKey(text: string): boolean {
    const start = `${this.prefix}:{`;
    return text.startsWith(start) && REFERENCE_AT_END.test(text.slice(start.length));
  }

  private ofReference(reference: string): string {
    return `${this.prefix}:{${reference}}`;
  }
}
