import assert from 'node:assert/strict';
import type { SessionRecord } from '#src/core/session/session-record.js';
import { DURABLE_KEY } from './operation.js';
import type { SeededRandom } from './random.js';

/** A session whose creation was acknowledged. */
export interface Known {
  readonly id: string;
  readonly userId: string;
  readonly createdAtMs: number;
  /** Hash of the token that its client holds. */
  tokenHash: Uint8Array;
  /** Its session at the identity provider. `undefined`: unknown, because a step-up failed that may have changed it. */
  provider: string | null | undefined;
}

/** Sessions that a call was meant to end, and when that call was answered. */
interface Ending {
  readonly names: (session: Known) => boolean;
  settledAt: number;
}

/** What callers were told, and so may rely on. The ledger never looks into the stores. */
export class Ledger {
  private readonly known = new Map<string, Known>();
  private readonly begunAt = new Map<string, number>();
  private readonly endings: Ending[] = [];
  private readonly ended = new Set<string>();
  private readonly retired = new Set<string>();
  /** Tokens that a step-up was meant to replace, with the mark of the level that they must not reach. */
  private readonly outgrown: { readonly from: string; readonly mark: string }[] = [];
  private readonly keys: { readonly id: string; readonly key: string; readonly losses: number }[] = [];
  /** The latest durable value of each session. No caller may be given an earlier one. */
  private readonly durable = new Map<string, number>();
  /** Sessions about which something was promised a moment ago. */
  private toBeAsked: string[] = [];
  private losses = 0;
  private time = 0;

  /** @returns A function to call with the outcome. */
  creating(): (session: Known) => void {
    const begunAt = (this.time += 1);
    return (session) => {
      this.known.set(session.id, session);
      this.begunAt.set(session.id, begunAt);
    };
  }

  /**
   * Notes that a call is meant to end sessions, if they begin before it is answered.
   *
   * @returns A function to call when the call was answered, whatever the answer.
   */
  ending(names: (session: Known) => boolean): () => void {
    const ending: Ending = { names, settledAt: Infinity };
    this.endings.push(ending);
    return () => void (ending.settledAt = this.time += 1);
  }

  /** Whether any call was ever meant to end it. */
  mayBeOver(id: string): boolean {
    const session = this.find(id);
    const begunAt = this.begunAt.get(id) ?? 0;
    return this.endings.some(({ names, settledAt }) => settledAt > begunAt && names(session));
  }

  revoked(ids: readonly string[]): void {
    for (const id of ids) this.ended.add(id);
    this.toBeAsked.push(...ids);
  }

  rotated(id: string, { from, to }: { from: Uint8Array; to: Uint8Array }): void {
    this.retired.add(hex(from));
    this.toBeAsked.push(id);
    const known = this.known.get(id);
    if (known && hex(known.tokenHash) === hex(from)) known.tokenHash = to;
  }

  /** Whether or not the rotation applies, this token must not gain what was proved with it. */
  steppingUp(id: string, { from, mark }: { from: Uint8Array; mark: string }): void {
    this.outgrown.push({ from: hex(from), mark });
    this.find(id).provider = undefined;
  }

  told(id: string, { [DURABLE_KEY]: value }: { readonly [DURABLE_KEY]?: number }): void {
    if (value === undefined) return;
    this.durable.set(id, Math.max(value, this.durable.get(id) ?? 0));
    this.toBeAsked.push(id);
  }

  /** After a flush or a fail-over: data that only the hot side held may be gone or older. */
  dataLost(): void {
    this.losses += 1;
  }

  find(id: string): Known {
    const known = this.known.get(id);
    assert(known);
    return known;
  }

  ids(): string[] {
    return [...this.known.keys()];
  }

  idsWhere(names: (session: Known) => boolean): string[] {
    return this.ids().filter((id) => names(this.find(id)));
  }

  pickKnown(random: SeededRandom): string | undefined {
    if (this.known.size === 0) return undefined;
    // Older sessions have ended more often.
    return random.pick(random.chance(0.5) ? this.ids().slice(-2) : this.ids());
  }

  /** The latest promises are the most likely to be broken. */
  takePromised(random: SeededRandom): string | undefined {
    const index = random.below(this.toBeAsked.length);
    return this.toBeAsked.splice(index, 1)[0];
  }

  keysThatMustBeIn(id: string): string[] {
    return this.keys.filter((one) => one.id === id && one.losses === this.losses).map(({ key }) => key);
  }

  /** The promises made when a call began. Only these bind its answer. */
  began() {
    const ended = new Set(this.ended);
    const retired = new Set(this.retired);
    const known = new Map(this.known);
    const durable = new Map(this.durable);
    const { losses } = this;
    return {
      assertMayBeAccepted: ({ id, tokenHash, amr, data }: SessionRecord): void => {
        assert(!ended.has(id), `session ${id} was accepted after its revocation had resolved`);
        const hash = hex(tokenHash);
        assert(!retired.has(hash), `a token of ${id} was accepted after its rotation had resolved`);
        const tooHigh = this.outgrown.find(({ from, mark }) => from === hash && amr.includes(mark));
        assert(!tooHigh, `a token of ${id} came to the level that was proved when it was replaced`);
        const told = durable.get(id) ?? 0;
        assert(Number(data[DURABLE_KEY] ?? 0) >= told, `an older value came back of the durable key of ${id}`);
      },
      /** @param liveNow - What the durable side holds at the end. Sessions that ended meanwhile may or may not be listed. */
      assertList: (userId: string, listed: readonly string[], liveNow: ReadonlySet<string>): void => {
        assert.equal(new Set(listed).size, listed.length, 'a session is listed twice');
        for (const id of listed) assert(!ended.has(id), `session ${id} was listed after its revocation had resolved`);
        for (const [id, session] of known) {
          if (session.userId === userId && liveNow.has(id)) assert(listed.includes(id), `session ${id} is not listed`);
        }
      },
      updated: (id: string, { key, durable: value }: { key: string; durable: { [DURABLE_KEY]?: number } }): void => {
        this.keys.push({ id, key, losses });
        // Not promised: a value that was on its way to Postgres when Redis lost it.
        if (losses === this.losses) this.told(id, value);
      },
    };
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
