import { isUnavailable } from '../../../core/session/session-errors.js';
import type { SessionTouch } from '../../../core/ports/session-store.js';
import { callHot, type HybridParts } from '../sides/hybrid-parts.js';

/**
 * Records activity on the hot side at once and forwards it to the durable side, which gathers it. Its answer is a check
 * as well: a copy of a session that it does not know as live is believed no more.
 */
export class TouchForwarder {
  private readonly touching = new Set<Promise<unknown>>();
  private readonly following = new Set<Promise<unknown>>();

  constructor(private readonly parts: HybridParts) {}

  touch(touch: SessionTouch): Promise<boolean> {
    return watch(this.touching, this.touchHot(touch));
  }

  /** Resolves when whatever was touched before is written on both sides, or has failed. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.touching);
    await this.parts.durable.flush();
    await Promise.allSettled(this.following);
  }

  private async touchHot(touch: SessionTouch): Promise<boolean> {
    try {
      const moved = await callHot(this.parts, (hot) => hot.touch(touch));
      if (moved) void watch(this.following, this.follow(touch));
      return moved;
    } catch (error) {
      if (!isUnavailable(error, this.parts.hot.name)) throw error;
      return watch(this.following, this.touchDurable(touch));
    }
  }

  private async follow({ id, idleTimeoutMs }: SessionTouch): Promise<void> {
    try {
      const touch = { id, idleTimeoutMs, touchIntervalMs: 0 };
      const isLive = await this.touchDurable(touch);
      if (!isLive) await callHot(this.parts, (hot) => hot.unconfirm([id]));
    } catch (error) {
      if (!isUnavailable(error)) this.parts.logger.error(`a touch was not forwarded: ${String(error)}`);
    }
  }

  /**
   * Past the breaker: the durable side gathers touches and keeps those that it could not write, so that users who were
   * active all through an outage are not idle after it.
   */
  private touchDurable(touch: SessionTouch): Promise<boolean> {
    return this.parts.durable.touch(touch);
  }
}

function watch<T>(set: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  set.add(promise);
  const forget = () => void set.delete(promise);
  promise.then(forget, forget);
  return promise;
}
