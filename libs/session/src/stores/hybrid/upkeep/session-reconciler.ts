import type { HotCopy } from '../../../core/ports/hot-sessions.js';
import { isUnavailable } from '../../../core/session/session-errors.js';
import type { FindOutcome } from '../../../core/ports/session-store.js';
import type { HybridSides } from '../sides/hybrid-sides.js';

const PAGE = 200;
const MAX_IDS_IN_QUESTION = 1_000;
const DEFAULT_TIME_BUDGET_MS = 60_000;

export interface ReconcileQuery {
  /** Compares only the copies under this user's reference. Default: all copies. */
  readonly userId?: string;
  /** Time in ms after which the run starts no further page. Default 60,000. A run over one user has no pages. */
  readonly timeBudgetMs?: number;
  /** `cursor` of an earlier result: the run resumes there. */
  readonly cursor?: string;
}

/** What a run found and repaired. Changes made meanwhile may be counted, and a copy that is listed twice counts twice. */
export interface ReconcileResult {
  /** Number of hot copies compared. */
  readonly checked: number;
  /** Number of copies removed because their sessions have ended or are unknown. */
  readonly ghosts: number;
  /**
   * Number of copies in which belief stopped, because token or user differ from the durable side's or the row there cannot
   * be read.
   */
  readonly stale: number;
  /** Number of the user's live sessions without a copy. This is no drift: the next request of each fills one. */
  readonly cold?: number;
  /** `done`: all copies were compared. `time`: the budget is spent or the store stops. `outage`: a side did not answer. */
  readonly stoppedBy: 'done' | 'time' | 'outage';
  /** Where a later run can resume. Set when a run over all copies was not done. */
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
 * Neither side has to stand still. The copy is listed first and its session looked up afterwards. Copies are made only
 * after the insert has committed, so a session that is unknown by then is gone, and an ended one stays ended: its copy can
 * be dropped at any later time. Every other drift is repaired by stopping belief. That costs one read of the durable side
 * and no data, whatever happened meanwhile. An expired session that has not ended keeps its copy: a touch on its way may
 * still prove it alive, and otherwise cleanup ends it.
 */
export class SessionReconciler {
  private isStopping = false;

  constructor(private readonly sides: HybridSides) {}

  /** Compares and repairs. When a side does not answer, resolves with what was done until then. */
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

  /** Lets a run end after its current page. */
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
    const numbers = [
      `${checked} copies checked`,
      `${ghosts} ghosts dropped`,
      `${stale} stale copies no longer believed`,
    ];
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
