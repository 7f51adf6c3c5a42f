import type { SessionRecord } from '../../../core/session/session-record.js';

type Evictable = Pick<SessionRecord, 'id' | 'createdAt' | 'awaitsSecondFactor'>;

/** Sorts those first that make room first: which await their second factor, then the oldest. */
export function byEviction(a: Evictable, b: Evictable): number {
  const byFactor = Number(b.awaitsSecondFactor) - Number(a.awaitsSecondFactor);
  return byFactor || a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
}
