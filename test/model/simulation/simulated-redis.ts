import type { AnyRevocation } from '#src/core/ports/hot-sessions.js';
import type { SessionRecord } from '#src/core/session/session-record.js';
import { Link } from './simulated-side.js';

export interface Copy {
  readonly record: SessionRecord;
  /** `undefined`: no server believes the copy. */
  readonly generation?: string;
  /** The epoch in which its version is counted. */
  readonly epoch: number;
  /** The server on which its version is counted. */
  readonly process: number;
}

export interface Kept {
  readonly revocation: AnyRevocation;
  readonly atMs: number;
}

interface Contents {
  readonly copies: ReadonlyMap<string, Copy>;
  readonly leases: ReadonlyMap<string, { readonly owner: string; readonly generation: string }>;
  readonly kept: ReadonlyMap<string, Kept>;
  readonly epoch: number;
  readonly marks: readonly string[];
}

const EMPTY: Contents = { copies: new Map(), leases: new Map(), kept: new Map(), epoch: 0, marks: [] };

/** The server that all instances share, with a replica that lags until it is made to catch up. */
export class SimulatedRedis {
  readonly link = new Link();
  contents = EMPTY;
  private older = EMPTY;
  process = 1;
  /** How often a copy was behind the version that the durable side had stored. */
  behind = 0;
  private serial = 0;

  nextSerial(): number {
    return (this.serial += 1);
  }

  write(change: Partial<Contents>): void {
    this.contents = { ...this.contents, ...change };
  }

  /** The generation that a caller with this epoch confirms a copy on. */
  generationIn(epoch: number): string {
    return `${this.process}x${epoch}`;
  }

  raiseEpoch(epoch: number, mark?: string): void {
    const { contents } = this;
    const marks = mark === undefined ? contents.marks : [mark, ...contents.marks];
    this.write({ epoch: Math.max(contents.epoch, epoch), marks });
  }

  /** Brings the replica, or the last snapshot, up to date. */
  replicate(): void {
    this.older = this.contents;
  }

  /** A fail-over, or a restart from a snapshot: a new process with an older state. */
  failOver(): void {
    this.contents = this.older;
    this.process += 1;
  }

  flushAll(): void {
    this.contents = EMPTY;
  }

  evictEpoch(): void {
    this.write({ epoch: 0, marks: [] });
  }

  /** A fail-over, in a Cluster, of the master that holds the key. */
  failOverEpoch(): void {
    const { epoch, marks } = this.older;
    this.write({ epoch, marks });
  }

  copiedIds(): string[] {
    return [...this.contents.copies.keys()];
  }

  /** Ids of the copies that an instance with this epoch would believe now. */
  believedIds(epoch: number): string[] {
    const generation = this.generationIn(epoch);
    return [...this.contents.copies].filter(([, copy]) => copy.generation === generation).map(([id]) => id);
  }
}

export function withEntry<V>(map: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> {
  return new Map([...map, [key, value]]);
}

export function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): ReadonlyMap<string, V> {
  return new Map([...map].filter(([key]) => !keys.includes(key)));
}
