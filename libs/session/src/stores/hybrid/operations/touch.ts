import type { SessionTouch } from '../../../core/ports/session-store.js';
import { isUnavailable } from '../../../core/session/session-errors.js';
import type { HybridSides } from '../sides/hybrid-sides.js';

/**
 * Records activity on the hot side at once and forwards it to the durable side, which gathers it. The durable side's
 * answer is a check as well: when it does not know the session as live, belief in the copy stops.
 */
export class HybridTouchForwarder {
  private readonly touching = new Set<Promise<unknown>>();
  private readonly following = new Set<Promise<unknown>>();

  constructor(private readonly sides: HybridSides) {}

  touch(touch: SessionTouch): Promise<boolean> {
    return keepWhilePending(this.touching, this.touchHot(touch));
  }

  /** Resolves when every earlier touch is written on both sides, or has failed. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.touching);
    await this.sides.durable.flush();
    await Promise.allSettled(this.following);
  }

  private async touchHot(touch: SessionTouch): Promise<boolean> {
    const { hot, durable } = this.sides;
    try {
      const moved = await hot.touch(touch);
      if (moved) void keepWhilePending(this.following, this.follow(touch));
      return moved;
    } catch (error) {
      if (!isUnavailable(error, hot.name)) throw error;
      return keepWhilePending(this.following, durable.touch(touch));
    }
  }

  private async follow({ id, idleTimeoutMs }: SessionTouch): Promise<void> {
    const { hot, durable, logger } = this.sides;
    try {
      const isLive = await durable.touch({ id, idleTimeoutMs, touchIntervalMs: 0 });
      if (!isLive) await hot.unconfirm([id]);
    } catch (error) {
      if (!isUnavailable(error)) logger.error(`a touch could not be forwarded to ${durable.name}: ${String(error)}`);
    }
  }
}

function keepWhilePending<T>(pending: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  pending.add(promise);
  const forget = () => void pending.delete(promise);
  promise.then(forget, forget);
  return promise;
}
