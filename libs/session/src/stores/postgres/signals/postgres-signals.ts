import { createHash } from 'node:crypto';
import type { EndedSession } from '../../../core/session/session-record.js';
import { BackendSignals } from '../../../core/events/backend-signals.js';
import { encodeSignals } from '../../../core/events/signal-codec.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { runOperation, type Operation } from '../connection/operation.js';
import { unavailable } from '../connection/postgres-errors.js';
import type { PostgresConnection } from '../connection/postgres-connection.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { SignalReceiver } from './signal-receiver.js';
import { defineStatement } from '../connection/statement.js';

export interface PostgresSignalsSettings {
  readonly operationTimeoutMs: number;
  /** `false`: a pooler is in between, which delivers no notifications. */
  readonly preparedStatements: boolean;
  /** A direct connection for listening, without the pooler. */
  readonly listenUrl: string | undefined;
  readonly logger: SessionLogger;
}

/** What signals use of a started store. */
export interface SignalsBackend {
  readonly connection: PostgresConnection;
  readonly pool: PostgresPool;
  /** Qualified name of the table of sessions, quoted. */
  readonly table: string;
}

/** Postgres accepts less than 8000. */
const MAX_PAYLOAD_BYTES = 7_900;
const MAX_CHANNEL_BYTES = 63;

/** Finds schema and name of a table: connections with different search paths must agree on one channel. */
const TABLE = defineStatement(
  'signal-table',
  { table: 'text' },
  (p) => `select n.nspname as schema, c.relname as "table" from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = to_regclass(${p.table})`,
);

const NOTIFY = defineStatement(
  'notify',
  { channel: 'text', payloads: 'text[]' },
  (p) => `select pg_notify(${p.channel}, payload) from unnest(${p.payloads}) payload`,
);

/**
 * Signals by NOTIFY on a channel named after schema and table of the sessions, within one database.
 *
 * The store's pool sends them after the transaction that ended the sessions, not inside it: transactions that notify commit
 * one after another.
 */
export class PostgresSignals extends BackendSignals<SignalsBackend> {
  private channel: Promise<string> | undefined;

  constructor(private readonly settings: PostgresSignalsSettings) {
    super({ logger: settings.logger, unavailable });
  }

  protected async send(backend: SignalsBackend, ended: readonly EndedSession[]): Promise<void> {
    const channel = await this.findChannel(backend);
    const payloads = encodeSignals(ended, MAX_PAYLOAD_BYTES);
    await this.run((operation) => backend.pool.query(operation, NOTIFY.bind({ channel, payloads })));
  }

  protected receive(backend: SignalsBackend): SignalReceiver | undefined {
    const { logger, preparedStatements, listenUrl } = this.settings;
    if (!preparedStatements && listenUrl === undefined) {
      logger.warn(
        'signals of other instances do not come through a pooler (preparedStatements: false): open connections of ' +
          'sessions that ended elsewhere close at their next check, unless postgresStore.listenUrl leads past it',
      );
      return undefined;
    }
    const receiver = new SignalReceiver({
      createClient: () => backend.connection.createClient(listenUrl),
      findChannel: () => this.findChannel(backend),
      listeners: this.listeners,
    });
    receiver.start();
    return receiver;
  }

  private findChannel({ pool, table }: SignalsBackend): Promise<string> {
    return (this.channel ??= this.run(async (operation) => {
      const [row] = await pool.read<{ schema: string; table: string }>(operation, TABLE.bind({ table }));
      if (!row) throw unavailable(`${table} does not exist`);
      return channelOf(row);
    }).catch((error: unknown) => {
      this.channel = undefined;
      throw error;
    }));
  }

  private run<T>(work: (operation: Operation) => Promise<T>): Promise<T> {
    return runOperation({ timeoutMs: this.settings.operationTimeoutMs }, work);
  }
}

/** Postgres truncates longer names, so that two tables would share a channel. */
function channelOf({ schema, table }: { schema: string; table: string }): string {
  const name = `nest-sessions:${schema}.${table}`;
  if (Buffer.byteLength(name) <= MAX_CHANNEL_BYTES) return name;
  return `nest-sessions:${createHash('sha256').update(name).digest('hex').slice(0, 40)}`;
}
