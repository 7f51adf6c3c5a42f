import { SessionStoreRefusedError } from '../../../core/session/session-errors.js';
import type { HotSessions } from '../../../core/ports/hot-sessions.js';

/** What takes belief away. While the hot side refuses it, what it still believes may be over. */
const DISOWNING = ['drop', 'unconfirm', 'unconfirmUser', 'advanceEpoch', 'followEpoch'] as const;

/**
 * Whether this instance may answer by hot copies alone. A server that answers reads and refuses writes (a replica, a full
 * disk, too few replicas) would go on showing copies that were to be dropped; so from the first refusal on the durable
 * side is asked about every session, until a whole sweep has caught up. Every instance sweeps, and so finds out by itself.
 * The instance whose revocation did not reach the hot side does the same, whatever kept it from there.
 */
export class HotTrust {
  private refusals = 0;
  private isDoubted = false;

  get isIntact(): boolean {
    return !this.isDoubted;
  }

  /** For another reason: this instance may not have heard of what took belief away. */
  doubt(): void {
    this.refusals += 1;
    this.isDoubted = true;
  }

  /** @returns The same port, whose refusals this learns of. */
  watch(hot: HotSessions): HotSessions {
    const watched = new Map<PropertyKey, unknown>(
      DISOWNING.map((name) => [name, (...args: unknown[]) => this.observe(() => call(hot, name, args))]),
    );
    return new Proxy(hot, {
      get: (target, key) => {
        const member: unknown = watched.get(key) ?? Reflect.get(target, key, target);
        return typeof member === 'function' && !watched.has(key) ? (member.bind(target) as unknown) : member;
      },
    });
  }

  /** @param catchUp - Makes the hot side follow all that it has missed. What is refused meanwhile keeps the doubt. */
  async restoreAfter(catchUp: () => Promise<void>): Promise<void> {
    const { refusals } = this;
    await catchUp();
    if (refusals === this.refusals) this.isDoubted = false;
  }

  private async observe(work: () => Promise<unknown>): Promise<unknown> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof SessionStoreRefusedError) this.doubt();
      throw error;
    }
  }
}

function call(hot: HotSessions, name: (typeof DISOWNING)[number], args: unknown[]): Promise<unknown> {
  return Reflect.apply(hot[name] as (...given: unknown[]) => Promise<unknown>, hot, args);
}
