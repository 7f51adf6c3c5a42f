import type { Model, Step } from './explore.js';

/**
 * The hybrid store's protocol for one session, as a state machine small enough to explore exhaustively.
 *
 * Actors: one create, two reads (authenticate), one revoke, one rotate. Faults: a lagging replica, fail-overs and restarts
 * to an older Redis state, lost keys, and a crash of any writer between any two of its steps. `epoch-protocol.ts` explores
 * `revokeEverything`.
 *
 * When the protocol changes, change this model first, then the code.
 */

/** One rule of the protocol left out, to show that the rule is needed. */
export const LEFT_OUT_RULES = [
  'no-lease',
  'lease-without-generation',
  'no-generation',
  'hot-first',
  'blind-create',
  'rotate-keeps-lease',
] as const;
export type LeftOutRule = (typeof LEFT_OUT_RULES)[number];

type Token = 't1' | 't2';
interface Row {
  readonly state: 'active' | 'ended';
  readonly token: Token;
}
/** A hot copy is believed only on the server process (generation) that it was confirmed on. */
interface HotCopy {
  readonly token: Token;
  readonly generation: number;
}
interface Lease {
  readonly owner: string;
  readonly generation: number;
}
interface Hot {
  readonly copy?: HotCopy;
  readonly lease?: Lease;
}
interface Acks {
  readonly revoked: boolean;
  readonly rotated: boolean;
}

type Actor =
  | { readonly kind: 'create'; readonly at: 'lease' | 'insert' | 'promote' | 'over'; readonly generation?: number }
  | { readonly kind: 'revoke'; readonly at: 'first' | 'second' | 'over' }
  | { readonly kind: 'rotate'; readonly at: 'commit' | 'replace' | 'over' }
  | {
      readonly kind: 'read';
      readonly at: 'look' | 'select' | 'promote' | 'over';
      readonly generation?: number;
      /** The promises made when the read began. */
      readonly began?: Acks;
      readonly row?: Row;
      readonly accepted?: Token;
    };

interface State {
  readonly row?: Row;
  readonly hot: Hot;
  readonly replica: Hot;
  readonly generation: number;
  readonly failOversLeft: number;
  readonly lossesLeft: number;
  readonly acks: Acks;
  readonly actors: readonly Actor[];
}

const START: State = {
  hot: {},
  replica: {},
  generation: 1,
  failOversLeft: 2,
  lossesLeft: 1,
  acks: { revoked: false, rotated: false },
  actors: [
    { kind: 'create', at: 'lease' },
    { kind: 'revoke', at: 'first' },
    { kind: 'rotate', at: 'commit' },
    { kind: 'read', at: 'look' },
    { kind: 'read', at: 'look' },
  ],
};

export const HYBRID_PROTOCOL: Model<State, LeftOutRule> = { start: START, stepsFrom, violationOf, keyOf };

function* stepsFrom(state: State, leftOut?: LeftOutRule): Generator<Step<State>> {
  yield* environmentSteps(state);
  for (const [index, actor] of state.actors.entries()) {
    if (actor.at === 'over') continue;
    const become = (next: Actor, change: Partial<State> = {}): State => ({
      ...state,
      ...change,
      actors: state.actors.with(index, next),
    });
    if (hasBegun(actor)) yield { label: `${actor.kind} crashes`, next: become({ kind: actor.kind, at: 'over' }) };
    if (actor.kind === 'create') yield* createSteps(state, actor, become, leftOut);
    else if (actor.kind === 'revoke') yield* revokeSteps(state, actor, become, leftOut);
    else if (actor.kind === 'rotate') yield* rotateSteps(state, actor, become, leftOut);
    else yield* readSteps(state, actor, { become, owner: `R${index}`, leftOut });
  }
}

/** Checked by reads that began after the promise was made. */
function violationOf(state: State): string | undefined {
  for (const actor of state.actors) {
    if (actor.kind !== 'read' || actor.at !== 'over' || !actor.accepted) continue;
    if (actor.began?.revoked) return 'accepted after revoke resolved';
    if (actor.began?.rotated && actor.accepted === 't1') return 'old token accepted after rotate resolved';
  }
  return undefined;
}

type Become = (next: Actor, change?: Partial<State>) => State;
type ActorOf<Kind extends Actor['kind']> = Extract<Actor, { kind: Kind }>;

function* environmentSteps(state: State): Generator<Step<State>> {
  if (state.replica !== state.hot) yield { label: 'replicate', next: { ...state, replica: state.hot } };
  if (state.failOversLeft > 0) {
    yield {
      label: 'fail over',
      next: {
        ...state,
        hot: state.replica,
        generation: state.generation + 1,
        failOversLeft: state.failOversLeft - 1,
      },
    };
  }
  if (state.lossesLeft > 0 && (state.hot.copy || state.hot.lease)) {
    yield { label: 'lose keys', next: { ...state, hot: {}, lossesLeft: state.lossesLeft - 1 } };
  }
}

function* createSteps(
  state: State,
  actor: ActorOf<'create'>,
  become: Become,
  leftOut?: LeftOutRule,
): Generator<Step<State>> {
  const { hot, generation } = state;
  if (actor.at === 'lease') {
    // The lease comes first, so that a concurrent revoke can take it away.
    const leased = { ...hot, lease: { owner: 'C', generation } };
    yield { label: 'create: lease', next: become({ kind: 'create', at: 'insert', generation }, { hot: leased }) };
  } else if (actor.at === 'insert') {
    yield {
      label: 'create: insert',
      next: become({ ...actor, at: 'promote' }, { row: { state: 'active', token: 't1' } }),
    };
  } else {
    const promoted =
      leftOut === 'blind-create'
        ? { ...hot, copy: { token: 't1' as const, generation } }
        : promote(state, { owner: 'C', generation: actor.generation ?? 0 }, { token: 't1', leftOut });
    yield { label: 'create: promote', next: become({ kind: 'create', at: 'over' }, { hot: promoted }) };
  }
}

function* revokeSteps(
  state: State,
  actor: ActorOf<'revoke'>,
  become: Become,
  leftOut?: LeftOutRule,
): Generator<Step<State>> {
  const { row, acks } = state;
  if (actor.at === 'first' && row?.state !== 'active') return;
  const commit = (): Partial<State> => (row ? { row: { ...row, state: 'ended' } } : {});
  const dropFirst = leftOut === 'hot-first';
  if (actor.at === 'first') {
    yield {
      label: dropFirst ? 'revoke: drop hot' : 'revoke: commit',
      next: become({ kind: 'revoke', at: 'second' }, dropFirst ? { hot: {} } : commit()),
    };
  } else {
    yield {
      label: dropFirst ? 'revoke: commit, resolve' : 'revoke: drop hot, resolve',
      next: become(
        { kind: 'revoke', at: 'over' },
        { ...(dropFirst ? commit() : { hot: {} }), acks: { ...acks, revoked: true } },
      ),
    };
  }
}

function* rotateSteps(
  state: State,
  actor: ActorOf<'rotate'>,
  become: Become,
  leftOut?: LeftOutRule,
): Generator<Step<State>> {
  const { row, hot, acks } = state;
  if (actor.at === 'commit') {
    if (row?.state !== 'active' || row.token !== 't1') return;
    yield {
      label: 'rotate: commit',
      next: become({ kind: 'rotate', at: 'replace' }, { row: { state: 'active', token: 't2' } }),
    };
  } else {
    const copy = hot.copy && { ...hot.copy, token: 't2' as const };
    const lease = leftOut === 'rotate-keeps-lease' ? hot.lease : undefined;
    yield {
      label: 'rotate: replace hot, resolve',
      next: become({ kind: 'rotate', at: 'over' }, { hot: { copy, lease }, acks: { ...acks, rotated: true } }),
    };
  }
}

function* readSteps(
  state: State,
  actor: ActorOf<'read'>,
  { become, owner, leftOut }: { become: Become; owner: string; leftOut?: LeftOutRule },
): Generator<Step<State>> {
  const { hot, generation, acks, row } = state;
  if (actor.at === 'look') {
    if (hot.copy && (hot.copy.generation === generation || leftOut === 'no-generation')) {
      const next: Actor = { kind: 'read', at: 'over', began: acks, accepted: hot.copy.token };
      yield { label: 'read: hot copy', next: become(next) };
    } else {
      const next: Actor = { kind: 'read', at: 'select', generation, began: acks };
      yield { label: 'read: lease', next: become(next, { hot: { ...hot, lease: { owner, generation } } }) };
    }
  } else if (actor.at === 'select') {
    yield { label: 'read: select', next: become({ ...actor, at: 'promote', row }) };
  } else if (actor.row?.state === 'active') {
    const lease = { owner, generation: actor.generation ?? 0 };
    const next: Actor = { kind: 'read', at: 'over', began: actor.began, accepted: actor.row.token };
    yield {
      label: 'read: promote',
      next: become(next, { hot: promote(state, lease, { token: actor.row.token, leftOut }) }),
    };
  } else {
    yield { label: 'read: absent', next: become({ kind: 'read', at: 'over', began: actor.began }) };
  }
}

/** The promote script: the caller must still hold the lease, taken on this very server process. */
function promote(state: State, own: Lease, { token, leftOut }: { token: Token; leftOut?: LeftOutRule }): Hot {
  const { hot, generation } = state;
  const copy = { token, generation };
  if (leftOut === 'no-lease') return { ...hot, copy };
  if (hot.lease?.owner !== own.owner) return hot;
  const sameProcess = hot.lease.generation === generation && own.generation === generation;
  if (!sameProcess && leftOut !== 'lease-without-generation') return hot;
  return { copy };
}

function hasBegun(actor: Actor): boolean {
  if (actor.kind === 'create') return actor.at !== 'lease';
  if (actor.kind === 'revoke') return actor.at !== 'first';
  if (actor.kind === 'rotate') return actor.at !== 'commit';
  return false;
}

/** Written by hand, for speed. */
function keyOf(state: State): string {
  const hot = ({ copy, lease }: Hot) =>
    `${copy ? copy.token + copy.generation : '-'},${lease ? lease.owner + lease.generation : '-'}`;
  const actors = state.actors.map((actor) => {
    if (actor.kind === 'create') return `${actor.at}${actor.generation ?? ''}`;
    if (actor.kind !== 'read') return actor.at;
    const began = actor.began ? `${Number(actor.began.revoked)}${Number(actor.began.rotated)}` : '';
    const row = actor.row ? actor.row.state + actor.row.token : '';
    return `${actor.at}${actor.generation ?? ''}/${began}/${row}/${actor.accepted ?? ''}`;
  });
  const row = state.row ? state.row.state + state.row.token : '';
  return [
    row,
    hot(state.hot),
    hot(state.replica),
    `${state.generation}${state.failOversLeft}${state.lossesLeft}`,
    `${Number(state.acks.revoked)}${Number(state.acks.rotated)}`,
    ...actors,
  ].join('|');
}
