import { createHash } from 'node:crypto';
import { userReferenceFor, userReferenceOf } from '../../../core/session/session-id.js';

const REFERENCE_AT_END = /^[0-9a-f]{16}\}$/;

/** Where sessions and copies live: one key per user reference, which is its slot in a Cluster; and their index. */
export class SessionKeys {
  constructor(private readonly prefix: string) {}

  of(sessionId: string): string {
    return this.ofReference(userReferenceOf(sessionId));
  }

  ofUser(userId: string): string {
    return this.ofReference(userReferenceFor(userId));
  }

  /** Of a session at an identity provider: which of ours may rest on it. */
  ofProviderSession(issuer: string, sessionId: string): string {
    const digest = createHash('sha256')
      .update(JSON.stringify([issuer, sessionId]))
      .digest('hex');
    return `${this.prefix}:idp:{${digest.slice(0, 32)}}`;
  }

  /** Glob that every such key matches, below the prefix that a client adds by itself, and few others do. */
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
