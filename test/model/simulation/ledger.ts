import assert from 'node:assert/strict';
import type { SeededRandom } from './random.js';

interface Known {
  readonly userId: string;
  /** Of the token that its client holds. */
  tokenHash: Uint8Array;
}

/** What callers were told, and so what they may rely on. Nothing in here looks into the stores. */
export class Ledger {
  private readonly known = new Map<string, Known>();
  private readonly ended = new Set<string>();
  private readonly retired = new Set<string>();
  private readonly keys: { readonly id: string; readonly key: string; readonly losses: number }[] = [];
  private losses = 0;

  created({ id, userId, tokenHash }: { id: string } & Known): void {
    this.known.set(id, { userId, tokenHash });
  }

  revoked(ids: readonly string[]): void {
    for (const id of ids) this.ended.add(id);
  }

  rotated(id: string, { from, to }: { from: Uint8Array; to: Uint8Array }): void {
    this.retired.add(hex(from));
    const known = this.known.get(id);
    if (known && hex(known.tokenHash) === hex(from)) known.tokenHash = to;
  }

  /** A flush or a fail-over: data that was only on the hot side may be gone or older. */
  dataLost(): void {
    this.losses += 1;
  }

  ids(): string[] {
    return [...this.known.keys()];
  }

  idsOf(userId: string): string[] {
    return this.ids().filter((id) => this.known.get(id)?.userId === userId);
  }

  /** The other sessions of the same user. */
  othersOf(id: string): string[] {
    const userId = this.known.get(id)?.userId;
    return userId === undefined ? [] : this.idsOf(userId).filter((other) => other !== id);
  }

  pickKnown(random: SeededRandom): string | undefined {
    return this.known.size === 0 ? undefined : random.pick(this.ids());
  }

  hashOf(id: string): Uint8Array {
    const known = this.known.get(id);
    assert(known);
    return known.tokenHash;
  }

  keysThatMustBeIn(id: string): string[] {
    return this.keys.filter((one) => one.id === id && one.losses === this.losses).map(({ key }) => key);
  }

  /** What had been promised when a call began: that alone binds its answer. */
  began() {
    const ended = new Set(this.ended);
    const retired = new Set(this.retired);
    const known = new Map(this.known);
    const { losses } = this;
    return {
      assertMayBeAccepted(id: string, tokenHash: Uint8Array): void {
        assert(!ended.has(id), `session ${id} was accepted after its revocation had resolved`);
        assert(!retired.has(hex(tokenHash)), `a token of ${id} was accepted after its rotation had resolved`);
      },
      /** @param liveNow - What the durable side holds at the end: what ended meanwhile may or may not be listed. */
      assertList: (userId: string, listed: readonly string[], liveNow: ReadonlySet<string>): void => {
        assert.equal(new Set(listed).size, listed.length, 'a session is listed twice');
        for (const id of listed) assert(!ended.has(id), `session ${id} was listed after its revocation had resolved`);
        for (const [id, session] of known) {
          if (session.userId === userId && liveNow.has(id)) assert(listed.includes(id), `session ${id} is not listed`);
        }
      },
      updated: (id: string, key: string): void => {
        this.keys.push({ id, key, losses });
      },
    };
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
