import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import type { Query } from '#src/stores/postgres/connection/statement.js';
import { durableTouchStatement } from '#src/stores/postgres/durable/durable-touch.js';
import { hotChangesStatements } from '#src/stores/postgres/durable/hot-changes.js';
import { CLEAN_UP_PLANNING, cleanUpStatements } from '#src/stores/postgres/operations/clean-up.js';
import { createStatements } from '#src/stores/postgres/operations/create.js';
import { endStatements } from '#src/stores/postgres/operations/end.js';
import { findStatements } from '#src/stores/postgres/operations/find.js';
import { listStatement } from '#src/stores/postgres/operations/list.js';
import { rotateStatements } from '#src/stores/postgres/operations/rotate.js';
import { touchStatement } from '#src/stores/postgres/operations/touch.js';
import { updateStatement } from '#src/stores/postgres/operations/update.js';
import { qualifyTables } from '#src/stores/postgres/schema/identifiers.js';
import { PostgresWorld } from './world.js';

const SESSIONS = 200_000;
const USERS = 40_000;
const AUDIT_ROWS = 200_000;
/** The most rows of the table that a statement for one user, one batch or some ids may look at. */
const MAX_ROWS = 1000;

const MODES = ['plain', 'durable'] as const;
/** Before the first `analyze` the planner guesses from the size of the table alone. */
const STATISTICS = ['no statistics', 'statistics'] as const;
const PLAN_CACHE_MODES = ['force_generic_plan', 'force_custom_plan'] as const;
/** By operation: the name of a statement holds a digest besides. */
const CLEAN_UP_INDEXES: Readonly<Record<string, string>> = {
  'delete-expired': 'sessions_live_purge',
  'mark-expired': 'sessions_live_purge',
  'delete-ended': 'sessions_ended_purge',
  'delete-audit': 'session_audit_at',
};

const LARGE_TABLES: ReadonlySet<string> = new Set(['sessions', 'session_audit']);

/** One of the live sessions of a user who has some more. */
interface Target {
  readonly id: string;
  readonly user_id: string;
  readonly token_hash: Buffer;
}

/** A node of a plan, as `explain (format json)` prints it. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Recheck Cond'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

describe('the plans of the Postgres store, over many sessions', () => {
  let world: PostgresWorld;
  let runner: QueryRunner;
  let target: Target;
  let ids: string[];

  beforeAll(async () => {
    world = await PostgresWorld.open({ hotChanges: true });
    await fill(world);
    runner = world.admin.createQueryRunner();
    const live = await world.query<Target>(
      `select id, user_id, token_hash from sessions
       where ended_at is null and expires_at > now() order by md5(id::text) limit 100`,
    );
    target = live[0] as Target;
    ids = live.map(({ id }) => id);
  }, 120_000);

  afterAll(async () => {
    await runner.release();
    await world.close();
  });

  describe.each(STATISTICS.flatMap((known) => MODES.map((mode) => [known, mode] as const)))(
    'with %s, in the %s mode',
    (known, mode) => {
      beforeAll(async () => {
        if (known === 'statistics') await world.query('analyze sessions; analyze session_audit');
      });

      it.each(PLAN_CACHE_MODES)('read no more of the table than they need, with %s', async (cacheMode) => {
        const tables = qualifyTables({ schema: world.schema }, 'test');
        const queries = [...bindShared(tables, mode, { target, ids }), ...bindOwn(tables, mode, { target, ids })];
        const problems: string[] = [];
        for (const query of queries) {
          const nodes = await explain(runner, query, cacheMode);
          const operation = operationOf(query);
          problems.push(...findProblems(nodes, operation).map((problem) => `${operation}: ${problem}`));
        }
        expect(problems).toEqual([]);
        expect(new Set(queries.map(({ name }) => name)).size).toBe(countStatements(tables, mode));
      });
    },
  );
});

type Mode = (typeof MODES)[number];
type Tables = ReturnType<typeof qualifyTables>;

interface Sample {
  readonly target: Target;
  readonly ids: readonly string[];
}

function statementsOf(tables: Tables, mode: Mode) {
  const endable = mode === 'plain' ? ('live' as const) : ('not-ended' as const);
  return {
    ...createStatements(tables, { userIdType: 'text', endable }),
    ...findStatements(tables, mode === 'plain' ? [] : ['s.hot_data_version']),
    ...rotateStatements(tables, endable),
    ...endStatements(tables, { userIdType: 'text', endable }),
    ...cleanUpStatements(tables, { expiryMarginMs: mode === 'plain' ? 0 : 60_000 }),
    list: listStatement(tables, 'text'),
    update: updateStatement(tables),
  };
}

/** Every statement of a mode, so that a new one without a query here is missed. */
function countStatements(tables: Tables, mode: Mode): number {
  const own = mode === 'plain' ? 1 : 1 + Object.keys(hotChangesStatements(tables)).length;
  return Object.keys(statementsOf(tables, mode)).length + own;
}

function bindShared(tables: Tables, mode: Mode, { target, ids }: Sample): Query[] {
  const statements = statementsOf(tables, mode);
  const { id, user_id: userId, token_hash: expectedHash } = target;
  const how = { reason: 'revoked', endedBy: null, retentionMs: 1000 };
  const authentication = {
    amr: ['pwd'],
    idleTimeoutMs: 1_800_000,
    absoluteTimeoutMs: 43_200_000,
    assuranceLevel: 'aal1',
    awaitsSecondFactor: false,
    idpIssuer: null,
    idpSessionId: null,
    idpAuthenticatedAt: null,
  };
  const rotation = { id, expectedHash, timeLeftMs: 60_000, tokenHash: randomBytes(32) };
  const client = { ipAddress: '203.0.113.7', userAgent: 'Firefox', device: null };
  const session = { userId, tokenHash: randomBytes(32), data: '{}', ...client, ...authentication, retentionMs: 1000 };
  const provider = { issuer: 'https://idp.example', sessionId: 'sid-77', ...how, minAgeMs: 1 };
  return [
    statements.create.bind({ id: randomUUID(), ...session, replacedId: id }),
    statements.createLimited.bind({ id: randomUUID(), ...session, replacedId: id, max: 2, makesRoom: true }),
    statements.find.bind({ id }),
    statements.findMany.bind({ ids }),
    statements.list.bind({ userId, part: '{}' }),
    statements.update.bind({ id, expectedVersion: 1, timeLeftMs: 60_000, data: '{}' }),
    statements.rehash.bind(rotation),
    statements.rotate.bind(rotation),
    statements.reauthenticate.bind({ ...rotation, ...authentication }),
    statements.rotateAlone.bind({ ...rotation, ...how }),
    statements.reauthenticateAlone.bind({ ...rotation, ...authentication, ...how }),
    statements.revoke.bind({ id, userId: null, ...how }),
    statements.revokeAll.bind({ userId, exceptId: id, ...how, minAgeMs: 1 }),
    statements.revokeByIdentityProvider.bind({ ...provider, userId: null }),
    statements.revokeEverything.bind({ before: null, reason: 'revoked', endedBy: null }),
    statements.deleteExpired.bind({ batchSize: 500, retentionMs: 3_600_000 }),
    statements.markExpired.bind({ batchSize: 500, retentionMs: 1000 }),
    statements.deleteEnded.bind({ batchSize: 500 }),
    statements.deleteAudit.bind({ batchSize: 500, auditRetentionMs: 1000 }),
  ];
}

function bindOwn(tables: Tables, mode: Mode, { target, ids }: Sample): Query[] {
  const agesMs = ids.map(() => 10);
  const timeouts = { idleTimeoutsMs: ids.map(() => 1_800_000), touchIntervalsMs: ids.map(() => 1000) };
  if (mode === 'plain') return [touchStatement(tables).bind({ ids, agesMs, ...timeouts })];
  const changes = hotChangesStatements(tables);
  return [
    durableTouchStatement(tables).bind({ ids, agesMs, firstAgesMs: agesMs, ...timeouts }),
    changes.findEpoch.bind({}),
    changes.mergeData.bind({ id: target.id, hotVersion: 1, data: '{}' }),
    changes.list.bind({ limit: 100 }),
    changes.forget.bind({ keys: ['1'] }),
  ];
}

function operationOf({ name }: Query): string {
  return name.replace(/^nest-sessions-|-[0-9a-f]{12}$/g, '');
}

/** Runs a statement and takes it back. */
async function explain(runner: QueryRunner, query: Query, cacheMode: string): Promise<PlanNode[]> {
  await runner.startTransaction();
  try {
    await runner.query(`set local plan_cache_mode = ${cacheMode}`);
    if (operationOf(query) in CLEAN_UP_INDEXES) await runner.query(CLEAN_UP_PLANNING);
    await runner.query(`prepare explained as ${query.text}`);
    const values = query.values.length === 0 ? '' : `(${query.values.map(toLiteral).join(', ')})`;
    const [row] = await runner.query(`explain (analyze, format json) execute explained${values}`);
    return flatten((row as { 'QUERY PLAN': [{ Plan: PlanNode }] })['QUERY PLAN'][0].Plan);
  } finally {
    await runner.rollbackTransaction();
    await runner.query('deallocate all');
  }
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}

function toLiteral(value: unknown): string {
  if (value === null) return 'null';
  if (Buffer.isBuffer(value)) return `'\\x${value.toString('hex')}'`;
  if (Array.isArray(value)) return `'{${value.join(',')}}'`;
  return `'${typeof value === 'string' ? value : JSON.stringify(value)}'`;
}

function findProblems(nodes: readonly PlanNode[], operation: string): string[] {
  const problems: string[] = [];
  for (const node of nodes) {
    const type = node['Node Type'];
    if (/^(Sort|Incremental Sort|Hash)$/.test(type) && node['Actual Rows'] * node['Actual Loops'] > MAX_ROWS) {
      problems.push(`${type} of ${node['Actual Rows']} rows`);
    }
    if (!LARGE_TABLES.has(node['Relation Name'] ?? '') || !type.includes('Scan')) continue;
    const isTargeted = type === 'Tid Scan' || (node['Index Cond'] ?? node['Recheck Cond']) !== undefined;
    if (!isTargeted) problems.push(`${type} without a condition on an index`);
    const rows = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
    if (rows > MAX_ROWS) problems.push(`${type} of ${rows} rows`);
  }
  const index = CLEAN_UP_INDEXES[operation];
  if (index !== undefined && !nodes.some((node) => node['Index Name'] === index)) problems.push(`no use of ${index}`);
  return problems;
}

/** Live sessions of many users, some of them expired, and some that have ended. */
async function fill(world: PostgresWorld): Promise<void> {
  for (const table of LARGE_TABLES) await world.query(`alter table ${table} set (autovacuum_enabled = false)`);
  await world.query(
    `insert into sessions (id, user_id, token_hash, data, amr, version, created_at, last_seen_at, authenticated_at,
       absolute_expires_at, expires_at, purge_after, assurance_level, awaits_second_factor, idp_issuer, idp_session_id,
       ended_at, end_reason)
     select gen_random_uuid(), 'user-' || n % ${USERS}, decode(md5(n::text) || md5(n::text), 'hex'), '{}', '{pwd}', 1,
       now() - interval '2 hours', now() - interval '1 hour', now() - interval '2 hours', now() + interval '1 day',
       expires_at, expires_at + interval '1 hour', 'aal1', false, 'https://idp.example', 'sid-' || n,
       case when n % 6 = 0 then expires_at end, case when n % 6 = 0 then 'revoked' end
     from generate_series(1, ${SESSIONS}) n
     cross join lateral (select now() + case when n % 100 < 2 then interval '-2 hours' else interval '1 hour' end as expires_at) e`,
  );
  await world.query(
    `insert into session_audit (at, event, session_id, user_id) select now() - n * interval '1 second', 'session.created',
       gen_random_uuid(), 'user-' || n from generate_series(1, ${AUDIT_ROWS}) n`,
  );
}
