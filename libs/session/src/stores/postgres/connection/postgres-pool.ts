import { setTimeout as wait } from 'node:timers/promises';
import { SessionError } from '../../../core/session/session-errors.js';
import { isBrokenConnection, isConflict, toSessionError, unavailable } from './postgres-errors.js';
import { OperationOverError, type Operation } from './operation.js';
import type { Query } from './statement.js';

/** The most operations that wait for a connection; further ones are rejected. */
const MAX_WAITING = 2000;
const MAX_CONFLICT_ATTEMPTS = 4;
const CONFLICT_PAUSE_MS = 10;

/** The part of a `pg` pool that the store uses, such as the pool inside a TypeORM `DataSource`. */
export interface PgPool {
  connect(): Promise<PgClient>;
}

export interface PgClient {
  query(query: { name?: string; text: string; values?: unknown[] }): Promise<{ rows: unknown[] }>;
  /** With an error the connection is closed instead of used again. */
  release(error?: Error): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** One connection, held for the duration of some work. */
export interface Connection {
  run<Row>(query: Query): Promise<Row[]>;
  /** Sends SQL without parameters, several statements if need be. */
  command(text: string): Promise<void>;
}

/**
 * Runs statements on connections of a pool that is shared with the application.
 *
 * Unlike with `pool.query`, an error that the server reported about a statement does not cost a connection. After an
 * operation was given up, its connection has the same time once more to answer; then it is closed.
 */
export class PostgresPool {
  private waiting = 0;

  constructor(
    private readonly pool: PgPool,
    /** `false` behind a pooler that gives each transaction another server connection. */
    private readonly preparedStatements: boolean,
  ) {}

  /**
   * Runs one statement in a transaction of its own, and sends it again when it lost to another transaction.
   *
   * @param query - A function is called for each attempt, once there is a connection: for values that are ages.
   */
  query<Row>(operation: Operation, query: Query | (() => Query)): Promise<Row[]> {
    return retryConflicts(operation, () =>
      this.withConnection(operation, (connection) =>
        connection.run<Row>(typeof query === 'function' ? query() : query),
      ),
    );
  }

  /** Runs a read like `query`, and sends it once more when the connection turns out to be broken. */
  async read<Row>(operation: Operation, query: Query): Promise<Row[]> {
    try {
      return await this.query(operation, query);
    } catch (error) {
      if (operation.isOver || error instanceof SessionError || !isBrokenConnection(error)) throw error;
      return this.query(operation, query);
    }
  }

  /**
   * Runs work in a READ COMMITTED transaction on one connection. The transaction is rolled back when the work fails, or
   * when the operation was given up before the commit was sent.
   *
   * @param begin - Further commands sent along with `begin`, without parameters.
   */
  transaction<T>(operation: Operation, begin: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    return retryConflicts(operation, () =>
      this.withConnection(operation, async (connection) => {
        try {
          await connection.command(`begin isolation level read committed; ${begin}`);
          const result = await work(connection);
          operation.assertNotOver();
          await connection.command('commit');
          return result;
        } catch (error) {
          if (!isBrokenConnection(error) || error instanceof OperationOverError) await connection.command('rollback');
          throw error;
        }
      }),
    );
  }

  private async withConnection<T>(operation: Operation, work: (connection: Connection) => Promise<T>): Promise<T> {
    const client = await this.acquire(operation);
    let isReleased = false;
    let graceTimer: NodeJS.Timeout | undefined;
    const release = (error?: Error) => {
      if (isReleased) return;
      isReleased = true;
      client.release(error);
    };
    const forget = operation.onOver(() => {
      graceTimer = setTimeout(() => release(new Error('the connection does not answer')), operation.timeoutMs);
    });
    client.on('error', ignoreError);
    try {
      const result = await work(this.wrap(client));
      release();
      return result;
    } catch (error) {
      const isUsable = error instanceof OperationOverError || !isBrokenConnection(error);
      release(isUsable ? undefined : toError(error));
      throw error;
    } finally {
      forget();
      clearTimeout(graceTimer);
      client.off('error', ignoreError);
    }
  }

  /** @throws {SessionStoreUnavailableError} No connection: nothing was sent. */
  private async acquire(operation: Operation): Promise<PgClient> {
    operation.assertNotOver();
    if (this.waiting >= MAX_WAITING) throw unavailable(`${this.waiting} operations already wait for a connection`);
    this.waiting += 1;
    try {
      const client = await this.pool.connect();
      if (!operation.isOver) return client;
      client.release();
    } catch (error) {
      throw toSessionError(error);
    } finally {
      this.waiting -= 1;
    }
    throw new OperationOverError();
  }

  private wrap(client: PgClient): Connection {
    return {
      run: async <Row>({ name, text, values }: Query) => {
        const { rows } = await client.query(this.preparedStatements ? { name, text, values } : { text, values });
        return rows as Row[];
      },
      command: async (text) => {
        await client.query({ text });
      },
    };
  }
}

/** Without a listener, a connection that breaks while it is held would end the process. The statement fails anyway. */
function ignoreError(): void {}

/**
 * Repeats work that lost to another transaction, after a pause. Sent again at once, it could take the lock that the other
 * transaction was about to get, and both would be where they were.
 */
async function retryConflicts<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || attempt >= MAX_CONFLICT_ATTEMPTS || operation.isOver) throw error;
      await wait(CONFLICT_PAUSE_MS * attempt * (0.5 + Math.random()));
    }
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
