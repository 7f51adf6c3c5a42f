import {
  RevocationIncompleteError,
  SessionDataUnavailableError,
  SessionStoreUnavailableError,
  type CreatedSession,
  type Session,
} from 'nest-sessions';
import { randomUUID } from 'node:crypto';
import type { FaultWorld, Instance, Sides } from './fault-world.js';
import type { OperationName, Result } from './hybrid-failure-table.js';

/** Longer than the idle timeout that sessions begin with, so that a touch can be seen. */
const LONG_IDLE_TIMEOUT_MS = 3_600_000;

/** A user with two devices. */
export interface Subject extends Instance {
  readonly userId: string;
  readonly own: CreatedSession;
  readonly other: CreatedSession;
  /** Every acknowledged session, by its id, with its expected state. */
  readonly sessions: Map<string, 'live' | 'over'>;
  /** Every acknowledged token, with its expected state. */
  readonly tokens: Map<string, 'live' | 'over'>;
}

export async function prepareSubject(
  world: FaultWorld,
  { operation, sides }: { operation: OperationName; sides: Sides },
): Promise<Subject> {
  const instance = world.instance(sides, { durableKeys: operation.endsWith('durable key') ? ['note'] : [] });
  const userId = `user-${randomUUID()}`;
  const signIn = () => instance.service.create({ userId, amr: ['pwd'], data: { visits: 7, note: 'a' } });
  const [own, other] = [await signIn(), await signIn()];
  const subject = { ...instance, userId, own, other, sessions: new Map(), tokens: new Map() };
  begin(subject, own);
  begin(subject, other);
  return subject;
}

function begin({ sessions, tokens }: Pick<Subject, 'sessions' | 'tokens'>, { session, token }: CreatedSession): void {
  sessions.set(session.id, 'live');
  tokens.set(token, 'live');
}

function end({ sessions, tokens }: Subject, { session, token }: CreatedSession): void {
  sessions.set(session.id, 'over');
  tokens.set(token, 'over');
}

/** What each operation does, and what must hold afterwards. */
const CALLS: Record<OperationName, (subject: Subject) => Promise<unknown>> = {
  'sign in': async (subject) => {
    begin(subject, await subject.service.create({ userId: subject.userId, amr: ['pwd'] }));
  },
  'sign in with data': async (subject) => {
    begin(subject, await subject.service.create({ userId: subject.userId, data: { visits: 1 } }));
  },
  authenticate: async (subject) => {
    const { userId, amr } = await authenticate(subject);
    if (userId !== subject.userId || amr[0] !== 'pwd') throw new Error('somebody else');
  },
  'read data': async (subject) => {
    const { data } = await authenticate(subject);
    if (Object.keys(data).length > 2) throw new Error('more data than there was');
  },
  update: ({ service, own }) => service.update(own.session.id, { increment: { visits: 1 } }),
  'update a durable key': ({ service, own }) => service.update(own.session.id, { set: { note: 'b' } }),
  touch: async (subject) => {
    const { id } = await authenticate(subject);
    const isMoved = await subject.store.touch({ id, idleTimeoutMs: LONG_IDLE_TIMEOUT_MS, touchIntervalMs: 0 });
    if (!isMoved) throw new Error('a live session was not touched');
  },
  rotate: async (subject) => {
    const { service, own, tokens } = subject;
    const rotated = await service.rotate(own.token);
    if (!rotated.rotated) throw new Error(`not rotated: ${rotated.reason}`);
    tokens.set(own.token, 'over').set(rotated.token, 'live');
  },
  revoke: (subject) => {
    const { service, own } = subject;
    return finish(service.revoke(own.session.id), () => end(subject, own));
  },
  'revoke the others': (subject) => {
    const { service, own, other } = subject;
    return finish(service.revokeOthers(own.session), () => end(subject, other));
  },
  'revoke all': (subject) => {
    const { service, userId, own, other } = subject;
    return finish(service.revokeAll(userId), () => {
      end(subject, own);
      end(subject, other);
    });
  },
  list: async ({ service, userId }) => {
    const sessions = await service.listByUser(userId);
    if (sessions.length !== 2) throw new Error(`${sessions.length} sessions listed instead of 2`);
  },
  'clean up': ({ store }) => store.cleanUp({ batchSize: 10 }),
};

/** Runs an operation and returns what its caller got, in the words of the table. */
export async function run(operation: OperationName, subject: Subject): Promise<Result | `failed: ${string}`> {
  try {
    await CALLS[operation](subject);
    return 'done';
  } catch (error) {
    return describe(error);
  }
}

/** Returns `live` or `absent`, or the failure in the words of the table. */
export async function tryToken(token: string, { service }: Pick<Instance, 'service'>): Promise<string> {
  return service.authenticate(token, { touch: false }).then(({ outcome }) => outcome, describe);
}

function describe(error: unknown): Result | `failed: ${string}` {
  if (error instanceof RevocationIncompleteError) {
    return error.pending === 'redis' ? 'pending in redis' : 'pending in postgres';
  }
  if (error instanceof SessionDataUnavailableError) return 'no data';
  if (error instanceof SessionStoreUnavailableError) return 'refused';
  return `failed: ${String(error)}`;
}

async function authenticate({ service, own }: Subject): Promise<Session> {
  const found = await service.authenticate(own.token);
  if (found.outcome !== 'live') throw new Error(`signed out: ${found.outcome}`);
  return found.session;
}

/** A revocation that is pending ends as much as one that was acknowledged. */
async function finish(revoking: Promise<unknown>, follow: () => void): Promise<void> {
  try {
    await revoking;
    follow();
  } catch (error) {
    if (error instanceof RevocationIncompleteError) follow();
    throw error;
  }
}
