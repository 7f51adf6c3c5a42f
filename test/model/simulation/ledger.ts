import assert from 'node:assert/strict';
import type { SessionRecord } from '#src/core/session/session-record.js';
import { DURABLE_KEY } from './operation.js';
import type { SeededRandom } from './random.js';

/** A session whose creation was acknowledged. */
export interface Known {
  readonly id: string;
  readonly userId: string;
  readonly createdAtMs: number;
  /** Of the token that its client holds. */
  tokenHash: Uint8Array;
  /** What it rests on at the identity provider; `undefined`: not known, for a step-up that may have changed it failed. */
  provider: string | null | undefined;
}

/** Sessions that somebody wanted to be over, and when that call was answered. */
interface Ending {
  readonly names: (session: Known) => boolean;
  settledAt: number;
}

/** What callers were told, and so what they may rely on. Nothing in here looks into the stores. */
export class Ledger {
  private readonly known = new Map<string, Known>();
  private readonly begunAt = new Map<string, number>();
  private readonly endings: Ending[] = [];
  private readonly ended = new Set<string>();
  private readonly retired = new Set<string>();
  /** Tokens that a step-up was to replace, with the mark of the level that they must not come to. */
  private readonly outgrown: { readonly from: string; readonly mark: string }[] = [];
  private readonly keys: { readonly id: string; readonly key: string; readonly losses: number }[] = [];
  /** The latest durable value of each session that nobody may be given an earlier one of. */
  private readonly durable = new Map<string, number>();
  /** Those of which something was promised a moment ago. */
  private toBeAsked: string[] = [];
  private losses = 0;
  private time = 0;

  /** @returns Tells what became of it. */
  creating(): (session: Known) => void {
    const begunAt = (this.time += 1);
    return (session) => {
      this.known.set(session.id, session);
      this.begunAt.set(session.id, begunAt);
    };
  }

  /**
   * Somebody wants sessions to be over, if they begin before the call is answered.
   *
   * @returns To be called when it was answered, whatever the answer.
   */
  ending(names: (session: Known) => boolean): () => void {
    const ending: Ending = { names, settledAt: Infinity };
    this.endings.push(ending);
    return () => void (ending.settledAt = this.time += 1);
  }

  /** Whether anybody ever wanted it to be over. */
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

  /** Whether it applies or not, this token comes to nothing that is proved with the rotation. */
  steppingUp(id: string, { from, mark }: { from: Uint8Array; mark: string }): void {
    this.outgrown.push({ from: hex(from), mark });
    this.find(id).provider = undefined;
  }

  told(id: string, { [DURABLE_KEY]: value }: { readonly [DURABLE_KEY]?: number }): void {
    if (value === undefined) return;
    this.durable.set(id, Math.max(value, this.durable.get(id) ?? 0));
    this.toBeAsked.push(id);
  }

  /** A flush or a fail-over: data that was only on the hot side may be gone or older. */
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
    // The older a session is, the more often it is over already.
    return random.pick(random.chance(0.5) ? this.ids().slice(-2) : this.ids());
  }

  /** What was promised last is what most likely does not hold yet. */
  takePromised(random: SeededRandom): string | undefined {
    const index = random.below(this.toBeAsked.length);
    return this.toBeAsked.splice(index, 1)[0];
  }

  keysThatMustBeIn(id: string): string[] {
    return this.keys.filter((one) => one.id === id && one.losses === this.losses).map(({ key }) => key);
  }

  /** What had been promised when a call began: that alone binds its answer. */
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
      /** @param liveNow - What the durable side holds at the end: what ended meanwhile may or may not be listed. */
      assertList: (userId: string, listed: readonly string[], liveNow: ReadonlySet<string>): void => {
        assert.equal(new Set(listed).size, listed.length, 'a session is listed twice');
        for (const id of listed) assert(!ended.has(id), `session ${id} was listed after its revocation had resolved`);
        for (const [id, session] of known) {
          if (session.userId === userId && liveNow.has(id)) assert(listed.includes(id), `session ${id} is not listed`);
        }
      },
      updated: (id: string, { key, durable: value }: { key: string; durable: { [DURABLE_KEY]?: number } }): void => {
        this.keys.push({ id, key, losses });
        // Not promised: what was on its way to Postgres when Redis lost it.
        if (losses === this.losses) this.told(id, value);
      },
    };
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
