import type { HotCopy } from '../../../core/ports/hot-sessions.js';
import { isUnavailable } from '../../../core/session/session-errors.js';
import type { FindOutcome } from '../../../core/ports/session-store.js';
import type { HybridSides } from '../sides/hybrid-sides.js';

const PAGE = 200;
const MAX_IDS_IN_QUESTION = 1_000;
const DEFAULT_TIME_BUDGET_MS = 60_000;

export interface ReconcileQuery {
  /** Only what lies under this user's reference. Default everything. */
  readonly userId?: string;
  /** No second page is begun after so many ms. Default 60,000. */
  readonly timeBudgetMs?: number;
  /** Where an earlier run over everything stopped: go on there. */
  readonly cursor?: string;
}

/** What a run found and repaired. Changes under way meanwhile may be counted, as may copies twice that are found twice. */
export interface ReconcileResult {
  /** Hot copies compared. */
  readonly checked: number;
  /** Copies of sessions that have ended or that nobody knows: removed. */
  readonly ghosts: number;
  /** Believed copies with another token or user than the durable side's, or of a row that cannot be read: believed no more. */
  readonly stale: number;
  /** Live sessions of the user without a copy. No drift: the next request of each fills it. */
  readonly cold?: number;
  /** `done`: all was seen; `time`: the budget is spent or the store stops; `outage`: a side did not answer. */
  readonly stoppedBy: 'done' | 'time' | 'outage';
  /** Where a run over everything that was not done can go on. */
  readonly cursor?: string;
}

interface Progress {
  checked: number;
  ghosts: number;
  stale: number;
  cold?: number;
  cursor?: string;
}

/**
 * Compares hot copies with the durable side and repairs the hot side.
 *
 * Nothing is asked of either side to stand still. A copy is listed first and its session looked up after that. Copies are
 * made only after the insert has committed, so a session that is unknown then is gone, and ended is for ever: its copy
 * can be dropped however long that takes. Everything else is repaired by stopping belief, which costs one read of the
 * durable side and no data, whatever happened meanwhile. A session that is expired but has not ended is left alone: a
 * touch that is still on its way may prove it alive, and if none does, cleanup ends it.
 */
export class SessionReconciler {
  private isStopping = false;

  constructor(private readonly sides: HybridSides) {}

  /** Resolves also when a side does not answer, with what was done until then. */
  async run({ userId, timeBudgetMs = DEFAULT_TIME_BUDGET_MS, cursor }: ReconcileQuery): Promise<ReconcileResult> {
    const progress: Progress = { checked: 0, ghosts: 0, stale: 0, ...(cursor !== undefined && { cursor }) };
    const untilMs = performance.now() + timeBudgetMs;
    try {
      if (userId !== undefined) await this.compareUser(userId, progress);
      const isDone = userId !== undefined || (await this.compareAll(progress, untilMs));
      return this.report({ ...progress, stoppedBy: isDone ? 'done' : 'time' });
    } catch (error) {
      const result = this.report({ ...progress, stoppedBy: 'outage' }, `: ${String(error)}`);
      if (!isUnavailable(error)) throw error;
      return result;
    }
  }

  /** Lets runs end after the page that they are at. */
  stop(): void {
    this.isStopping = true;
  }

  private async compareUser(userId: string, progress: Progress): Promise<void> {
    const { records } = await this.sides.durable.listByUser({ userId });
    const copies = await this.sides.hot.listCopiesOfUser(userId);
    const hotIds = new Set(copies.map(({ id }) => id));
    progress.cold = records.filter(({ id }) => !hotIds.has(id)).length;
    await this.compare(copies, progress);
  }

  /** @returns Whether the end was reached. */
  private async compareAll(progress: Progress, untilMs: number): Promise<boolean> {
    for (;;) {
      const page = { limit: PAGE, ...(progress.cursor !== undefined && { cursor: progress.cursor }) };
      const { copies, cursor } = await this.sides.hot.scanCopies(page);
      await this.compare(copies, progress);
      delete progress.cursor;
      if (cursor === undefined) return true;
      progress.cursor = cursor;
      if (this.isStopping || performance.now() >= untilMs) return false;
    }
  }

  private async compare(copies: readonly HotCopy[], progress: Progress): Promise<void> {
    for (let start = 0; start < copies.length; start += MAX_IDS_IN_QUESTION) {
      const asked = copies.slice(start, start + MAX_IDS_IN_QUESTION);
      const found = await this.sides.durable.findMany(asked.map(({ id }) => id));
      const verdicts = asked.map((copy) => ({ id: copy.id, verdict: judge(copy, found.get(copy.id)) }));
      const idsOf = (wanted: Verdict) => verdicts.filter(({ verdict }) => verdict === wanted).map(({ id }) => id);
      const [ghosts, stale] = [idsOf('ghost'), idsOf('stale')];
      progress.checked += asked.length;
      if (stale.length > 0) await this.sides.hot.unconfirm(stale);
      progress.stale += stale.length;
      if (ghosts.length > 0) await this.sides.hot.drop(ghosts);
      progress.ghosts += ghosts.length;
    }
  }

  private report(result: ReconcileResult, why = ''): ReconcileResult {
    const { checked, ghosts, stale, cold, stoppedBy } = result;
    const numbers = [`${checked} copies checked`, `${ghosts} ghosts dropped`, `${stale} stale ones believed no more`];
    if (cold !== undefined) numbers.push(`${cold} sessions without a copy`);
    const summary = `reconciling stopped by "${stoppedBy}"${why} (${numbers.join(', ')})`;
    if (ghosts + stale > 0 || stoppedBy === 'outage') this.sides.logger.warn(summary);
    else this.sides.logger.debug(summary);
    return result;
  }
}

type Verdict = 'ghost' | 'stale' | 'agreed';

function judge(copy: HotCopy, found: FindOutcome = { live: false, reason: 'unknown' }): Verdict {
  if (!found.live && (found.reason === 'ended' || found.reason === 'unknown')) return 'ghost';
  if (!copy.isBelieved || (!found.live && found.reason === 'expired')) return 'agreed';
  if (!found.live) return 'stale';
  const { record } = found;
  const isSame = record.userId === copy.userId && Buffer.compare(record.tokenHash, copy.tokenHash) === 0;
  return isSame ? 'agreed' : 'stale';
}
