import type { DurableSessions, HotChange } from '../../../core/ports/durable-sessions.js';
import { JobLoop } from '../../../core/support/timers.js';
import { isUnavailable } from '../../../core/session/session-errors.js';
import type { ProviderRevocation, UserRevocation } from '../../../core/ports/session-store.js';
import type { HybridSides } from '../sides/hybrid-sides.js';

const BATCH = 200;

/**
 * Works off what one side has done and the other has not followed yet. Every instance sweeps. A step may run twice, or in
 * two instances at once: to drop the copy of an ended session and to stop belief in a live one are always safe.
 */
export class HotSweeper {
  private running: Promise<void> | undefined;
  private readonly loop: JobLoop;

  constructor(
    private readonly sides: HybridSides,
    intervalMs: number,
  ) {
    const onError = (error: unknown) => {
      // The next sweep meets an outage again, and requests that need the side report it meanwhile.
      if (!isUnavailable(error)) sides.logger.error(`sweeping hot copies failed: ${String(error)}`);
    };
    this.loop = new JobLoop({ intervalMs, run: () => this.sweep(), onError });
  }

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
    await this.running?.catch(() => undefined);
  }

  /** Resolves when no work is pending any more. A call during a sweep joins it. */
  sweep(): Promise<void> {
    const running = (this.running ??= this.sides.trust
      .restoreAfter(() => this.workOff())
      .finally(() => {
        this.running = undefined;
      }));
    return running;
  }

  private async workOff(): Promise<void> {
    const problems: unknown[] = [];
    const steps = [() => this.followEpoch(), () => this.finishKeptRevocations(), () => this.followDurableChanges()];
    // A step that fails because a server refuses writes must not block the others, which may only delete.
    for (const step of steps) await step().catch((error: unknown) => void problems.push(error));
    if (problems.length > 0) throw problems[0];
  }

  /** Makes the hot side follow the epoch, which it may have lost or never heard of. */
  async followEpoch(): Promise<void> {
    const { hot, durable } = this.sides;
    const epoch = await durable.findEpoch();
    if (epoch > 0) await hot.followEpoch(epoch);
  }

  private async finishKeptRevocations(): Promise<void> {
    const { hot, durable } = this.sides;
    for (;;) {
      const kept = await hot.listKeptRevocations(BATCH);
      const listedAtMs = performance.now();
      for (const { revocation, ageMs } of kept) {
        if ('id' in revocation) {
          await durable.revoke(revocation);
        } else {
          // Earlier entries of the list took their time. Sessions that began meanwhile must survive.
          const minAgeMs = ageMs + performance.now() - listedAtMs;
          await endKept(durable, revocation, minAgeMs);
        }
      }
      if (kept.length > 0) await hot.forgetRevocations(kept.map(({ key }) => key));
      if (kept.length < BATCH) return;
    }
  }

  /**
   * Resolves when the hot side has followed every change that was committed before the call. Another instance may have
   * followed some of them: a change is forgotten only after that.
   */
  async followDurableChanges(): Promise<void> {
    const { hot, durable } = this.sides;
    for (;;) {
      const changes = await durable.listHotChanges(BATCH);
      const idsOf = (kind: HotChange['kind']) => [
        ...new Set(changes.filter((change) => change.kind === kind).map(({ id }) => id)),
      ];
      const ended = idsOf('ended');
      const changed = idsOf('changed');
      if (changed.length > 0) await hot.unconfirm(changed);
      if (ended.length > 0) await hot.drop(ended);
      if (changes.length > 0) await durable.forgetHotChanges(changes);
      if (changes.length < BATCH) return;
    }
  }
}

function endKept(durable: DurableSessions, revocation: UserRevocation | ProviderRevocation, minAgeMs: number) {
  return 'issuer' in revocation
    ? durable.revokeByIdentityProvider({ ...revocation, minAgeMs })
    : durable.revokeAll({ ...revocation, minAgeMs });
}
