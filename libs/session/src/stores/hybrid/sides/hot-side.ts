import type {
  AnyRevocation,
  HotCopy,
  HotCopyPage,
  HotLease,
  HotPromotion,
  HotRead,
  HotSessions,
  KeptRevocation,
} from '../../../core/ports/hot-sessions.js';
import type { SessionSignals } from '../../../core/ports/session-signals.js';
import type { SessionDataChange, SessionTouch, UpdateOutcome } from '../../../core/ports/session-store.js';
import { SessionStoreRefusedError } from '../../../core/session/session-errors.js';
import type { LiveSession } from '../../../core/session/session-record.js';
import type { CircuitBreaker } from './circuit-breaker.js';
import type { HotTrust } from './hot-trust.js';

/**
 * The hot side as the hybrid store calls it: every call except `start` and `stop` passes the breaker.
 *
 * Five methods take belief away from copies: `drop`, `unconfirm`, `unconfirmUser`, `advanceEpoch`, `followEpoch`. When the
 * server refuses one of these, a copy that it still shows may belong to a session that has ended, so `HotTrust` is lost
 * as well. A refusal of any other write leaves the existing copies as true as before. `keepRevocation` removes copies
 * too, but its call rejects, and the revocation is then pending nowhere: nothing was promised.
 */
export class HotSide implements HotSessions {
  readonly name: string;
  readonly signals: SessionSignals | undefined;

  constructor(
    private readonly hot: HotSessions,
    private readonly breaker: CircuitBreaker,
    private readonly trust: HotTrust,
  ) {
    this.name = hot.name;
    this.signals = hot.signals;
  }

  start(): Promise<void> {
    return this.hot.start();
  }

  read(id: string): Promise<HotRead> {
    return this.breaker.run(() => this.hot.read(id));
  }

  lease(id: string): Promise<HotLease> {
    return this.breaker.run(() => this.hot.lease(id));
  }

  promote(promotion: HotPromotion): Promise<LiveSession | undefined> {
    return this.breaker.run(() => this.hot.promote(promotion));
  }

  update(change: SessionDataChange): Promise<UpdateOutcome> {
    return this.breaker.run(() => this.hot.update(change));
  }

  touch(touch: SessionTouch): Promise<boolean> {
    return this.breaker.run(() => this.hot.touch(touch));
  }

  drop(ids: readonly string[]): Promise<void> {
    return this.takeBelief(() => this.hot.drop(ids));
  }

  unconfirm(ids: readonly string[]): Promise<void> {
    return this.takeBelief(() => this.hot.unconfirm(ids));
  }

  unconfirmUser(userId: string): Promise<void> {
    return this.takeBelief(() => this.hot.unconfirmUser(userId));
  }

  advanceEpoch(epoch: number): Promise<void> {
    return this.takeBelief(() => this.hot.advanceEpoch(epoch));
  }

  followEpoch(epoch: number): Promise<void> {
    return this.takeBelief(() => this.hot.followEpoch(epoch));
  }

  scanCopies(page: { readonly cursor?: string; readonly limit: number }): Promise<HotCopyPage> {
    return this.breaker.run(() => this.hot.scanCopies(page));
  }

  listCopiesOfUser(userId: string): Promise<readonly HotCopy[]> {
    return this.breaker.run(() => this.hot.listCopiesOfUser(userId));
  }

  keepRevocation(revocation: AnyRevocation): Promise<void> {
    return this.breaker.run(() => this.hot.keepRevocation(revocation));
  }

  listKeptRevocations(limit: number): Promise<readonly KeptRevocation[]> {
    return this.breaker.run(() => this.hot.listKeptRevocations(limit));
  }

  forgetRevocations(keys: readonly string[]): Promise<void> {
    return this.breaker.run(() => this.hot.forgetRevocations(keys));
  }

  stop(): Promise<void> {
    return this.hot.stop();
  }

  private takeBelief(call: () => Promise<void>): Promise<void> {
    return this.breaker.run(async () => {
      try {
        await call();
      } catch (error) {
        if (error instanceof SessionStoreRefusedError) this.trust.distrust();
        throw error;
      }
    });
  }
}
