/** What a caller gets in each situation: the documentation says it, and `hybrid-outages.spec.ts` proves it. */

export const OPERATIONS = [
  'sign in',
  'sign in with data',
  'authenticate',
  'read data',
  'update',
  'update a durable key',
  'touch',
  'rotate',
  'revoke',
  'revoke the others',
  'revoke all',
  'list',
  'clean up',
] as const;

export type OperationName = (typeof OPERATIONS)[number];

/** How a call of `SessionService`, or of the store itself, ended. */
export type Result = 'done' | 'refused' | 'no data' | 'pending in redis' | 'pending in postgres';

export interface Outcome {
  readonly result: Result;
  /** Its name in the tables of the documentation. */
  readonly caller: string;
  readonly status: '2xx' | '503';
  /** The side on which work is left for a sweeper once the call was answered. */
  readonly pending: 'nothing' | 'redis' | 'postgres';
  readonly healed: string;
}

export const OUTCOMES = {
  done: {
    result: 'done',
    caller: 'as always',
    status: '2xx',
    pending: 'nothing',
    healed: 'nothing has to be',
  },
  follows: {
    result: 'done',
    caller: 'as always; Redis has it',
    status: '2xx',
    pending: 'nothing',
    healed: 'by the process that was asked, which tells Postgres about a second after it answers',
  },
  'done, data later': {
    result: 'done',
    caller: 'as always; but the copy is not believed again, so that touching `session.data` throws',
    status: '2xx',
    pending: 'nothing',
    healed: 'by the next request, once Redis has memory',
  },
  'no data': {
    result: 'no data',
    caller: '`SessionDataUnavailableError`: the session is live, its data is not at hand; nothing was written',
    status: '503',
    pending: 'nothing',
    healed: 'once Redis answers, after `breakerPeriod` at the latest',
  },
  refused: {
    result: 'refused',
    caller: '`SessionStoreUnavailableError`: nothing was done',
    status: '503',
    pending: 'nothing',
    healed: 'once the side answers, after `breakerPeriod` at the latest',
  },
  unheard: {
    result: 'refused',
    caller:
      '`SessionStoreUnavailableError`: it may have been done without an answer. No client has the token of a session created in that way; after a rotation the client may have to sign in again',
    status: '503',
    pending: 'nothing',
    healed: 'a session that began is ended when its late answer comes, or else expires',
  },
  'half done': {
    result: 'refused',
    caller: '`SessionStoreUnavailableError`, although Redis has the change',
    status: '503',
    pending: 'nothing',
    healed: 'by the next update of the session, which writes its durable keys to Postgres again',
  },
  'copy pending': {
    result: 'pending in redis',
    caller:
      '`RevocationIncompleteError`, `pending: "redis"`: ended in Postgres, but an instance that reaches a copy in Redis may still accept it',
    status: '503',
    pending: 'redis',
    healed: 'by the sweeper of every instance, within `breakerPeriod` and `sweepInterval` of Redis’ answer',
  },
  'row pending': {
    result: 'pending in postgres',
    caller:
      '`RevocationIncompleteError`, `pending: "postgres"`: the copy is gone and the revocation kept in Redis, but an instance that reaches Postgres may still accept it',
    status: '503',
    pending: 'postgres',
    healed: 'by the sweeper of every instance, within `breakerPeriod` and `sweepInterval` of Postgres’ answer',
  },
} as const satisfies Record<string, Outcome>;

export type OutcomeName = keyof typeof OUTCOMES;

type Row = Readonly<Record<OperationName, OutcomeName>>;

const AS_ALWAYS: Row = {
  'sign in': 'done',
  'sign in with data': 'done',
  authenticate: 'done',
  'read data': 'done',
  update: 'done',
  'update a durable key': 'done',
  touch: 'done',
  rotate: 'done',
  revoke: 'done',
  'revoke the others': 'done',
  'revoke all': 'done',
  list: 'done',
  'clean up': 'done',
};

/** Writes that need memory fail. Removals work, and existing copies answer. */
const WITHOUT_MEMORY: Row = {
  ...AS_ALWAYS,
  'sign in with data': 'refused',
  update: 'no data',
  'update a durable key': 'no data',
  rotate: 'done, data later',
};

const WITHOUT_REDIS: Row = {
  ...WITHOUT_MEMORY,
  'read data': 'no data',
  rotate: 'refused',
  revoke: 'copy pending',
  'revoke the others': 'copy pending',
  'revoke all': 'copy pending',
};

const WITHOUT_POSTGRES: Row = {
  ...AS_ALWAYS,
  'sign in': 'refused',
  'sign in with data': 'refused',
  'update a durable key': 'half done',
  touch: 'follows',
  rotate: 'refused',
  revoke: 'row pending',
  'revoke the others': 'row pending',
  'revoke all': 'row pending',
  list: 'refused',
  'clean up': 'refused',
};

/** Statements may have arrived, or may arrive later. */
const WITHOUT_ANSWERS: Row = {
  ...WITHOUT_POSTGRES,
  'sign in': 'unheard',
  'sign in with data': 'unheard',
  rotate: 'unheard',
};

const WITHOUT_BOTH = Object.fromEntries(OPERATIONS.map((operation) => [operation, 'refused'])) as unknown as Row;

export interface Expectation {
  readonly cells: Row;
  /** The data in Redis after the outage. Durable keys are as last acknowledged in every situation. */
  readonly data: 'kept' | 'lost' | 'older';
}

export const FAILURE_TABLE = {
  'Redis is down': { cells: WITHOUT_REDIS, data: 'lost' },
  'Redis hangs': { cells: WITHOUT_REDIS, data: 'kept' },
  'Redis was made a replica': { cells: WITHOUT_REDIS, data: 'kept' },
  'Redis is out of memory': { cells: WITHOUT_MEMORY, data: 'kept' },
  'Redis was flushed': { cells: AS_ALWAYS, data: 'lost' },
  'Redis forgot its scripts': { cells: AS_ALWAYS, data: 'kept' },
  'Redis restarted with older data': { cells: AS_ALWAYS, data: 'older' },
  'Postgres is down': { cells: WITHOUT_POSTGRES, data: 'kept' },
  'Postgres hangs': { cells: WITHOUT_ANSWERS, data: 'kept' },
  'Postgres’ answers are lost': { cells: WITHOUT_ANSWERS, data: 'kept' },
  'Postgres dropped its connections': { cells: AS_ALWAYS, data: 'kept' },
  'one connection for everything': { cells: AS_ALWAYS, data: 'kept' },
  'every connection is taken': { cells: WITHOUT_POSTGRES, data: 'kept' },
  'both are down': { cells: WITHOUT_BOTH, data: 'lost' },
} as const satisfies Record<string, Expectation>;

export type SituationName = keyof typeof FAILURE_TABLE;

export const SITUATION_NAMES = Object.keys(FAILURE_TABLE) as SituationName[];

export function outcomeOf(situation: SituationName, operation: OperationName): Outcome {
  const expectation: Expectation = FAILURE_TABLE[situation];
  return OUTCOMES[expectation.cells[operation]];
}
