import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SessionCleanup, SessionModule, type SessionModuleOptions } from 'nest-sessions';
import { postgresStore, sessionMigrations } from 'nest-sessions/postgres';
import { DataSource } from 'typeorm';
import { quantile } from '../statistics.js';

export interface CleanupMeasurement {
  readonly rows: number;
  readonly rowsPerSecond: number;
  readonly walBytesPerRow: number;
  /** p99 of reads of one session by primary key at 1,000 a second, in ms. */
  readonly p99BeforeMs: number;
  readonly p99DuringMs: number;
  readonly batches: number;
  readonly stoppedBy: string;
}

const READS_PER_SECOND = 1_000;
const BEFORE_MS = 5_000;

/**
 * Runs the cleanup over a table of which 80 % expired three days ago, while other sessions are read.
 *
 * @param retention - `'30d'` marks the expired sessions; with a shorter one than three days they are deleted at once.
 */
export async function measureCleanup(
  url: string,
  { sessions, retention }: { sessions: number; retention: `${number}d` },
): Promise<CleanupMeasurement> {
  const schema = `cleanup_${retention}_${Date.now()}`;
  const admin = await new DataSource({
    type: 'postgres',
    url,
    schema,
    migrations: sessionMigrations({ schema, userIdType: 'text' }),
    poolSize: 4,
  }).initialize();
  try {
    await admin.query(`create schema "${schema}"`);
    await admin.runMigrations();
    await fill(admin, schema, sessions);
    const live = await admin.query(
      `select id from "${schema}".sessions where expires_at > now() order by random() limit 2000`,
    );
    return await run(admin, { url, schema, retention, ids: (live as { id: string }[]).map(({ id }) => id) });
  } finally {
    await admin.query(`drop schema "${schema}" cascade`);
    await admin.destroy();
  }
}

interface Scene {
  readonly url: string;
  readonly schema: string;
  readonly retention: `${number}d`;
  readonly ids: readonly string[];
}

async function run(admin: DataSource, { url, schema, retention, ids }: Scene): Promise<CleanupMeasurement> {
  const options: SessionModuleOptions = {
    store: postgresStore({ url, schema }),
    cleanup: { timeBudget: '60m', interval: '20d' },
    retention: { sessions: retention },
  };
  @Module({ imports: [SessionModule.forRoot(options)] })
  class CleanupModule {}
  const app = await NestFactory.createApplicationContext(CleanupModule, { logger: false, abortOnError: false });
  const readers = new Readers(admin, schema, ids);
  try {
    readers.start();
    await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
    const before = readers.take();
    const [{ lsn }] = await admin.query('select pg_current_wal_lsn() as lsn');
    const startedAtMs = performance.now();
    const result = await app.get(SessionCleanup).run();
    const tookMs = performance.now() - startedAtMs;
    const [{ bytes }] = await admin.query('select pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::float8 as bytes', [lsn]);
    const during = readers.take();
    return {
      rows: result.expired,
      rowsPerSecond: Math.round((result.expired / tookMs) * 1000),
      walBytesPerRow: Math.round(Number(bytes) / result.expired),
      p99BeforeMs: quantile(before, 0.99),
      p99DuringMs: quantile(during, 0.99),
      batches: result.batches,
      stoppedBy: result.stoppedBy,
    };
  } finally {
    await readers.stop();
    await app.close();
  }
}

/** Reads sessions at an even rate, however long the answers take. */
class Readers {
  private timer: NodeJS.Timeout | undefined;
  private readonly pending = new Set<Promise<void>>();
  private latencies: number[] = [];
  private sent = 0;

  constructor(
    private readonly admin: DataSource,
    private readonly schema: string,
    private readonly ids: readonly string[],
  ) {}

  start(): void {
    const startedAtMs = performance.now();
    this.timer = setInterval(() => {
      const due = ((performance.now() - startedAtMs) / 1000) * READS_PER_SECOND;
      for (; this.sent < due; this.sent += 1) this.read(this.ids[this.sent % this.ids.length] ?? '');
    }, 1);
  }

  take(): number[] {
    const taken = this.latencies;
    this.latencies = [];
    return taken;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
  }

  private read(id: string): void {
    const sentAtMs = performance.now();
    const reading = this.admin
      .query(`select * from "${this.schema}".sessions where id = $1`, [id])
      .then(() => void this.latencies.push(performance.now() - sentAtMs))
      .finally(() => this.pending.delete(reading));
    this.pending.add(reading);
  }
}

async function fill(admin: DataSource, schema: string, sessions: number): Promise<void> {
  const step = 200_000;
  for (let first = 0; first < sessions; first += step) {
    await admin.query(
      `insert into "${schema}".sessions (id, user_id, token_hash, data, amr, version, created_at, last_seen_at,
         authenticated_at, absolute_expires_at, expires_at, purge_after, assurance_level, awaits_second_factor, ip_address, user_agent)
       select gen_random_uuid(), 'user-' || n, decode(md5(n::text) || md5(n::text), 'hex'), '{"theme":"dark","roles":["reader","writer"]}',
         '{pwd}', 1, e.at - interval '30 minutes', e.at - interval '30 minutes', e.at - interval '30 minutes', e.at + interval '11 hours',
         e.at, date_trunc('hour', e.at, 'UTC') + interval '1 hour', 'aal1', false, '192.0.2.1',
         'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36'
       from generate_series($1::int, $2::int) n
       cross join lateral (select now() + case when n % 5 < 4 then interval '-3 days' else interval '1 day' end as at) e`,
      [first + 1, Math.min(first + step, sessions)],
    );
  }
  await admin.query(`vacuum analyze "${schema}".sessions`);
  await admin.query('checkpoint');
}
