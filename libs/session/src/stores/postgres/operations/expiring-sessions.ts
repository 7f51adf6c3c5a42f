import type { LiveSession } from '../../../core/session/session-record.js';

const MAX_REMEMBERED = 10_000;

/**
 * Remembers sessions that were found shortly before their expiry: their next touch must not wait for company, or it
 * would come too late.
 */
export class ExpiringSessions {
  private readonly ids = new Set<string>();

  /** @param marginMs - Sessions with less time left than this count as expiring. */
  constructor(private readonly marginMs: number) {}

  observe({ record, now }: LiveSession): void {
    if (record.expiresAt.getTime() - now.getTime() > this.marginMs) return;
    if (this.ids.size >= MAX_REMEMBERED) this.ids.clear();
    this.ids.add(record.id);
  }

  /** Whether a touch of this session is urgent; asked once per touch. */
  take(id: string): boolean {
    return this.ids.delete(id);
  }
}
