import { createHash } from 'node:crypto';
import type { EndedSession } from '../../../core/session/session-record.js';
import { encodeSignals, SignalListeners } from '../../../core/events/signal-codec.js';
import type { SessionSignalListener, SessionSignals } from '../../../core/ports/session-signals.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { runOperation, type Operation } from '../connection/operation.js';
import { unavailable } from '../connection/postgres-errors.js';
import type { PostgresConnection } from '../connection/postgres-connection.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { SignalReceiver } from './signal-receiver.js';
import { defineStatement } from '../connection/statement.js';

export interface PostgresSignalsSettings {
  readonly operationTimeoutMs: number;
  /** `false`: a pooler is in between, through which no notification comes back. */
  readonly preparedStatements: boolean;
  /** Leads past the pooler. */
  readonly listenUrl: string | undefined;
  readonly logger: SessionLogger;
}

/** What a started store lends. */
export interface SignalsBackend {
  readonly connection: PostgresConnection;
  readonly pool: PostgresPool;
  /** Qualified name of the table of sessions, quoted. */
  readonly table: string;
}

/** Postgres takes less than 8000. */
const MAX_PAYLOAD_BYTES = 7_900;
const MAX_CHANNEL_BYTES = 63;

/** Finds schema and name of a table, because connections with different search paths have to agree on one channel. */
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
 * Sent by the store's pool, after the transaction that ended the sessions and not in it, because transactions that notify
 * commit one after another. Received by a connection of its own, opened for the first listener.
 */
export class PostgresSignals implements SessionSignals {
  private readonly listeners: SignalListeners;
  private backend: SignalsBackend | undefined;
  private receiver: SignalReceiver | undefined;
  private channel: Promise<string> | undefined;
  private isStopped = false;

  constructor(private readonly settings: PostgresSignalsSettings) {
    this.listeners = new SignalListeners(settings.logger);
  }

  start(backend: SignalsBackend): void {
    this.backend = backend;
    if (this.listeners.size > 0) this.listen();
  }

  async publish(ended: readonly EndedSession[]): Promise<void> {
    const { backend } = this;
    if (!backend || this.isStopped) throw unavailable(this.isStopped ? 'it was stopped' : 'it was not started');
    const channel = await this.findChannel(backend);
    const payloads = encodeSignals(ended, MAX_PAYLOAD_BYTES);
    await this.run((operation) => backend.pool.query(operation, NOTIFY.bind({ channel, payloads })));
  }

  subscribe(listener: SessionSignalListener): () => void {
    const stop = this.listeners.add(listener);
    this.listen();
    return stop;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.receiver?.close();
  }

  private listen(): void {
    const { backend } = this;
    if (!backend || this.receiver || this.isStopped) return;
    const { logger, preparedStatements, listenUrl } = this.settings;
    if (!preparedStatements && listenUrl === undefined) {
      logger.warn(
        'signals of other instances do not come through a pooler (preparedStatements: false): open connections of ' +
          'sessions that ended elsewhere close at their next check, unless postgresStore.listenUrl leads past it',
      );
      return;
    }
    this.receiver = new SignalReceiver({
      createClient: () => backend.connection.createClient(listenUrl),
      findChannel: () => this.findChannel(backend),
      listeners: this.listeners,
      logger,
    });
    this.receiver.start();
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

/** Postgres cuts longer names off, and two tables would share a channel. */
function channelOf({ schema, table }: { schema: string; table: string }): string {
  const name = `nest-sessions:${schema}.${table}`;
  if (Buffer.byteLength(name) <= MAX_CHANNEL_BYTES) return name;
  return `nest-sessions:${createHash('sha256').update(name).digest('hex').slice(0, 40)}`;
}
