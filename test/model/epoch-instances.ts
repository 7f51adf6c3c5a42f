import type { Generation, LeftOutEpochRule, State } from './epoch-protocol.js';
import type { Step } from './explore.js';

/** `old`: taken before the call that ends everything began to wait, so expired once it has waited. */
type Lease = 'old' | 'new';

/** What an instance knows of the epoch. */
export interface Instance {
  readonly known: number;
  /** With a lease it uses the epoch that it knows. Without one it has to ask. */
  readonly lease?: Lease;
  /** An answer on its way. Its lease counts from the question. None: the lease will have expired on arrival. */
  readonly answer?: { readonly epoch: number; readonly lease?: Lease };
  /** An authenticate that began after the call had resolved, and the epoch that it uses. */
  readonly read?: { readonly epoch: number; readonly accepted?: boolean };
}

/** A fill by any instance, with any epoch that the instance may know by then. */
export interface Fill {
  readonly at: 'begin' | 'lease' | 'select' | 'confirm' | 'promote' | 'over';
  readonly lease?: Generation;
  /** The epoch in the promotion that is on its way. */
  readonly epoch?: number;
}

export function* instanceSteps(state: State, leftOut?: LeftOutEpochRule): Generator<Step<State>> {
  const { instance, redis, postgres, server } = state;
  const { known, lease, answer, read } = instance;
  if (!answer && lease !== 'new') {
    const asked = { ...instance, answer: { epoch: redis.epoch, lease: 'new' } } as const;
    yield { label: 'instance: asks Redis for the epoch', next: { ...state, instance: asked } };
  }
  if (answer) {
    const told = {
      known: leftOut === 'memory-falls' ? answer.epoch : Math.max(known, answer.epoch),
      lease: leftOut === 'lease-from-the-answer' ? 'new' : (answer.lease ?? lease),
      read,
    } as const;
    yield { label: `instance: told of epoch ${answer.epoch}`, next: { ...state, instance: told } };
  }
  if (known < postgres.epoch) {
    yield { label: 'instance: sweeps', next: { ...state, instance: { ...instance, known: postgres.epoch } } };
  }
  if (state.startsLeft > 0) {
    const started = { known: leftOut === 'start-without-postgres' ? 0 : postgres.epoch };
    yield { label: 'instance: starts', next: { ...state, instance: started, startsLeft: state.startsLeft - 1 } };
  }
  if (state.call.at === 'resolved' && !read && lease) {
    const reading = { ...instance, read: { epoch: known } };
    yield { label: `read: begins in epoch ${known}`, next: { ...state, instance: reading } };
  } else if (read && !read.accepted && state.redis.copy?.server === server) {
    // For a copy that it does not believe it asks Postgres, which refuses sessions that have ended.
    if (redis.copy?.epoch !== read.epoch && leftOut !== 'copies-without-epoch') return;
    const accepted = { ...instance, read: { ...read, accepted: true } };
    yield { label: 'read: believes the copy', next: { ...state, instance: accepted } };
  }
}

export function* fillSteps(state: State, index: number, leftOut?: LeftOutEpochRule): Generator<Step<State>> {
  const fill = state.fills[index];
  if (!fill || fill.at === 'over') return;
  const become = (next: Fill, redis = state.redis): State => ({
    ...state,
    redis,
    fills: state.fills.with(index, next),
  });
  const { redis, server, postgres, instance } = state;
  const isReversed = leftOut === 'select-before-lease';
  const heardOf = Math.max(postgres.epoch, redis.epoch, instance.known);

  const takesLease = fill.at === 'lease' || (fill.at === 'begin' && !isReversed);
  if (takesLease) {
    for (let epoch = 0; epoch <= heardOf; epoch++) {
      const lease = { server, epoch };
      const next: Fill = { at: isReversed ? 'confirm' : 'select', lease };
      yield {
        label: `fill ${index}: leases in epoch ${epoch}`,
        next: become(next, { ...redis, lease: { ...lease, owner: index } }),
      };
    }
  } else if (fill.at === 'begin' || fill.at === 'select') {
    if (postgres.isOver) yield { label: `fill ${index}: refused by Postgres`, next: become({ at: 'over' }) };
    else
      yield {
        label: `fill ${index}: live in Postgres`,
        next: become({ ...fill, at: isReversed ? 'lease' : 'confirm' }),
      };
  } else if (fill.at === 'confirm') {
    for (let epoch = fill.lease?.epoch ?? 0; epoch <= heardOf; epoch++) {
      const label = `fill ${index}: sends its promotion in epoch ${epoch}`;
      yield { label, next: become({ ...fill, at: 'promote', epoch }) };
    }
  } else {
    const isOfEpoch = fill.lease?.epoch === fill.epoch || leftOut === 'leases-without-epoch';
    const promoted =
      holdsLease(state, index) && isOfEpoch
        ? { copy: { server, epoch: fill.epoch ?? 0 }, epoch: redis.epoch, mark: redis.mark }
        : redis;
    yield { label: `fill ${index}: promotes`, next: become({ at: 'over' }, promoted) };
  }
}

/** Whether this fill still holds the lease, taken on this server process. A lease once lost never comes back. */
export function holdsLease({ redis, server, fills }: State, index: number): boolean {
  const { lease } = redis;
  return lease?.owner === index && lease.server === server && fills[index]?.lease?.server === server;
}

/** The call begins to wait for every lease that was asked for until now. */
export function withOldLease({ lease, answer, ...instance }: Instance): Instance {
  return {
    ...instance,
    ...(lease && { lease: 'old' }),
    ...(answer && { answer: { epoch: answer.epoch, ...(answer.lease && { lease: 'old' }) } }),
  };
}

/** The call has waited for longer than a lease lasts. */
export function withoutOldLease({ lease, answer, ...instance }: Instance): Instance {
  return {
    ...instance,
    ...(lease === 'new' && { lease }),
    ...(answer && { answer: { epoch: answer.epoch, ...(answer.lease === 'new' && { lease: answer.lease }) } }),
  };
}

export function keyOfInstance({ known, lease, answer, read }: Instance): string {
  const coming = answer ? `,${answer.epoch}${answer.lease ?? ''}` : '';
  return `${known}${lease ?? ''}${coming}${read ? `/${read.epoch}${read.accepted ? 1 : 0}` : ''}`;
}

export function keyOfFill({ at, lease, epoch }: Fill, holdsItsLease: boolean): string {
  if (!lease) return at;
  // Without its lease it does nothing more.
  return holdsItsLease ? `${at}${lease.epoch}${epoch ?? ''}` : 'over';
}
