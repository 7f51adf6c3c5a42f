import {
  fillSteps,
  holdsLease,
  instanceSteps,
  keyOfFill,
  keyOfInstance,
  withoutOldLease,
  withOldLease,
  type Fill,
  type Instance,
} from './epoch-instances.js';
import type { Model, Step } from './explore.js';

/**
 * `revokeEverything` in the hybrid store, as a state machine small enough to explore exhaustively. An epoch is committed
 * in Postgres, carried to Redis, and known to each instance by lease.
 *
 * Actors: one call that ends everything; a second one with an earlier instant, which ends nothing here but counts as an
 * epoch; two fills, each by any instance; an instance that knows the epoch by lease and reads (authenticate); sweepers.
 *
 * Faults: a lagging replica, a fail-over to an older Redis state, lost keys, the loss of the epoch alone (in a Cluster it
 * has a master of its own), and a restart of the instance. An actor that takes no further step has crashed.
 *
 * When the protocol changes, change this model first, then the code.
 */

/** One rule of the protocol left out, to show that the rule is needed. */
export const LEFT_OUT_EPOCH_RULES = [
  'copies-without-epoch',
  'leases-without-epoch',
  'select-before-lease',
  'carry-before-commit',
  'numbers-by-sequence',
  'no-wait',
  'lease-from-the-answer',
  'no-second-look',
  'second-look-at-the-value',
  'memory-falls',
  'start-without-postgres',
  'begin-by-the-clock',
] as const;

/** A loss that the protocol does not survive: Redis loses the epoch before the instance has asked there or swept. */
export const NOT_PROMISED = 'epoch-lost-unheard';

export type LeftOutEpochRule = (typeof LEFT_OUT_EPOCH_RULES)[number] | typeof NOT_PROMISED;

/** The server process and the epoch that something was confirmed or leased on. */
export interface Generation {
  readonly server: number;
  readonly epoch: number;
}

export interface Redis {
  /** The copy of the one session that began before. */
  readonly copy?: Generation;
  readonly lease?: Generation & { readonly owner: number };
  readonly epoch: number;
  /** The attempt to carry the epoch whose mark is beside it. 0: none. */
  readonly mark: number;
}

export interface Postgres {
  /** The highest epoch committed. */
  readonly epoch: number;
  /** The highest number given out, committed or not. Used where that rule is left out. */
  readonly sequence: number;
  /** Whether the session began before a committed end of everything. */
  readonly isOver: boolean;
}

interface Call {
  readonly at: 'begin' | 'commit' | 'carry' | 'wait' | 'resolved';
  readonly number: number;
  readonly attempt: number;
}

export interface State {
  readonly postgres: Postgres;
  readonly redis: Redis;
  readonly replica: Redis;
  readonly server: number;
  readonly failOversLeft: number;
  readonly lossesLeft: number;
  readonly epochLossesLeft: number;
  readonly startsLeft: number;
  readonly call: Call;
  readonly other: Pick<Call, 'at' | 'number'>;
  readonly instance: Instance;
  readonly fills: readonly Fill[];
  /** Whether a session that began after the epoch was committed is refused for ever. */
  readonly isLaterRefused: boolean;
}

const SIGNED_IN: Redis = { copy: { server: 1, epoch: 0 }, epoch: 0, mark: 0 };

const START: State = {
  postgres: { epoch: 0, sequence: 0, isOver: false },
  redis: SIGNED_IN,
  replica: SIGNED_IN,
  server: 1,
  failOversLeft: 1,
  lossesLeft: 1,
  epochLossesLeft: 1,
  startsLeft: 1,
  call: { at: 'begin', number: 0, attempt: 0 },
  other: { at: 'resolved', number: 0 },
  instance: { known: 0 },
  fills: [{ at: 'begin' }, { at: 'begin' }],
  isLaterRefused: false,
};

const machine = { stepsFrom, violationOf, keyOf };

/** The call alone, with every possible loss. */
export const EPOCH_WITH_LOSSES: Model<State, LeftOutEpochRule> = { ...machine, start: START };

/** A part of it, for failures that need no fill. */
export const EPOCH_WITHOUT_FILLS: Model<State, LeftOutEpochRule> = { ...machine, start: { ...START, fills: [] } };

/** Beside another call. Only copies are lost. */
export const EPOCH_BESIDE_ANOTHER: Model<State, LeftOutEpochRule> = {
  ...machine,
  start: { ...START, failOversLeft: 0, epochLossesLeft: 0, startsLeft: 0, other: { at: 'begin', number: 0 } },
};

function* stepsFrom(state: State, leftOut?: LeftOutEpochRule): Generator<Step<State>> {
  yield* lossSteps(state, leftOut);
  yield* callSteps(state, leftOut);
  yield* otherSteps(state, leftOut);
  yield* instanceSteps(state, leftOut);
  for (const index of state.fills.keys()) yield* fillSteps(state, index, leftOut);
  const { redis, postgres } = state;
  if (redis.epoch < postgres.epoch) {
    yield { label: 'sweeper: carry', next: { ...state, redis: { ...redis, epoch: postgres.epoch } } };
  }
  if (postgres.isOver && leftOut === 'begin-by-the-clock') {
    yield { label: 'sign in after the clock was set back', next: { ...state, isLaterRefused: true } };
  }
}

function violationOf(state: State): string | undefined {
  const { postgres, redis, server, instance, isLaterRefused } = state;
  if (isLaterRefused) return 'a session that began afterwards is refused';
  if (instance.read?.accepted) return 'accepted after the call resolved';
  // After a sweep, and after any crash: no instance that knows the epoch believes the copy.
  const { copy } = redis;
  if (postgres.isOver && copy?.server === server && copy.epoch >= state.call.number && state.call.number > 0) {
    return 'a copy of what is over was confirmed in the new epoch';
  }
  return undefined;
}

function* lossSteps(state: State, leftOut?: LeftOutEpochRule): Generator<Step<State>> {
  const { redis, replica, instance, call, failOversLeft, lossesLeft, epochLossesLeft } = state;
  if (replica !== redis) yield { label: 'replicate', next: { ...state, replica: redis } };
  if (failOversLeft > 0) {
    const next = { ...state, redis: replica, server: state.server + 1, failOversLeft: failOversLeft - 1 };
    yield { label: 'fail over', next };
  }
  if (lossesLeft > 0 && (redis.copy || redis.lease)) {
    const { epoch, mark } = redis;
    yield { label: 'lose copies', next: { ...state, redis: { epoch, mark }, lossesLeft: lossesLeft - 1 } };
  }
  const haveHeard = instance.known >= call.number;
  if (epochLossesLeft === 0 || (call.at === 'resolved' && !haveHeard && leftOut !== NOT_PROMISED)) return;
  for (const { epoch, mark } of [{ epoch: 0, mark: 0 }, replica]) {
    if (epoch === redis.epoch && mark === redis.mark) continue;
    const next = { ...state, redis: { ...redis, epoch, mark }, epochLossesLeft: epochLossesLeft - 1 };
    yield { label: `fall back to epoch ${epoch}`, next };
  }
}

function* callSteps(state: State, leftOut?: LeftOutEpochRule): Generator<Step<State>> {
  const { call, postgres, redis } = state;
  const { number } = call;
  if (call.at === 'begin') {
    if (leftOut === 'numbers-by-sequence') {
      const next = { ...drawNumber(state), call: { ...call, at: 'commit', number: postgres.sequence + 1 } } as const;
      yield { label: 'end everything: draw a number', next };
    } else if (leftOut === 'carry-before-commit') {
      yield { label: 'end everything: carry', next: carry(state, postgres.epoch + 1, 'commit') };
    } else {
      yield { label: 'end everything: commit', next: commitEnd(state, postgres.epoch + 1, 'carry') };
    }
  } else if (call.at === 'commit') {
    const at = leftOut === 'carry-before-commit' ? 'wait' : 'carry';
    yield { label: 'end everything: commit', next: commitEnd(state, number, at) };
  } else if (call.at === 'carry') {
    yield { label: 'end everything: carry', next: carry(state, number, 'wait') };
  } else if (call.at === 'wait') {
    const resolved: State = { ...state, call: { ...call, at: 'resolved' } };
    const isThere = leftOut === 'second-look-at-the-value' ? redis.epoch >= number : redis.mark === call.attempt;
    if (leftOut === 'no-wait') yield { label: 'end everything: resolve', next: resolved };
    else if (isThere || leftOut === 'no-second-look') {
      yield { label: 'end everything: leases are over, resolve', next: endOldLeases(resolved) };
    } else {
      yield { label: 'end everything: leases are over, carry again', next: carry(endOldLeases(state), number, 'wait') };
    }
  }
}

/** Its instant is earlier, so the session stays. It still counts as an epoch. */
function* otherSteps(state: State, leftOut?: LeftOutEpochRule): Generator<Step<State>> {
  const { other, postgres } = state;
  if (other.at === 'begin' && leftOut === 'numbers-by-sequence') {
    const next = { ...drawNumber(state), other: { at: 'commit', number: postgres.sequence + 1 } } as const;
    yield { label: 'end what is older: draw a number', next };
  } else if (other.at !== 'resolved') {
    const number = other.at === 'begin' ? postgres.epoch + 1 : other.number;
    const next = { ...state, postgres: withEpoch(postgres, number), other: { at: 'resolved', number } } as const;
    yield { label: 'end what is older: commit', next };
  }
}

function drawNumber(state: State): State {
  return { ...state, postgres: { ...state.postgres, sequence: state.postgres.sequence + 1 } };
}

function commitEnd(state: State, number: number, at: Call['at']): State {
  const postgres = { ...withEpoch(state.postgres, number), isOver: true };
  return { ...state, postgres, call: { ...state.call, number, at } };
}

function withEpoch(postgres: Postgres, number: number): Postgres {
  return { ...postgres, epoch: Math.max(postgres.epoch, number) };
}

/** Writes the epoch, unless a higher one is stored, and a new mark beside it. The call then waits for earlier leases. */
function carry(state: State, number: number, at: Call['at']): State {
  const { redis, call } = state;
  const attempt = call.attempt + 1;
  return {
    ...state,
    redis: { ...redis, epoch: Math.max(redis.epoch, number), mark: attempt },
    call: { at, number, attempt },
    instance: withOldLease(state.instance),
  };
}

/** After as long as a lease lasts. */
function endOldLeases(state: State): State {
  return { ...state, instance: withoutOldLease(state.instance) };
}

/** Written by hand, for speed. Values that no actor can use any more make no difference and are left out. */
function keyOf(state: State): string {
  const { postgres, redis, replica, server, call, other } = state;
  const { copy } = redis;
  const believed = copy?.server === server ? copy.epoch : '';
  // Copies and leases on the replica belong to a server process that will be gone when the replica takes over.
  const epochs = `${redis.epoch}${redis.mark}${replica.epoch}${replica.mark}`;
  const left = `${state.failOversLeft}${state.lossesLeft}${state.epochLossesLeft}${state.startsLeft}`;
  const committed = `${postgres.epoch}${postgres.sequence}${Number(postgres.isOver)}${Number(state.isLaterRefused)}`;
  const calls = `${call.at}${call.number}${call.attempt}${other.at}${other.number}`;
  const fills = state.fills.map((fill, index) => keyOfFill(fill, holdsLease(state, index))).join('|');
  return `${believed}|${epochs}|${left}|${committed}|${calls}|${keyOfInstance(state.instance)}|${fills}`;
}
