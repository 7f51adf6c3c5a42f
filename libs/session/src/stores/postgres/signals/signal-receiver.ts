import type { ListeningPgClient } from '../connection/postgres-connection.js';
import type { SignalListeners } from '../../../core/events/signal-codec.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { describePostgresError } from '../connection/postgres-errors.js';

export interface SignalReceiverParts {
  /** A new client, not connected. */
  readonly createClient: () => ListeningPgClient;
  readonly findChannel: () => Promise<string>;
  readonly listeners: SignalListeners;
  readonly logger: SessionLogger;
}

const FIRST_RETRY_DELAY_MS = 50;
const MAX_RETRY_DELAY_MS = 5_000;
/** A connection that the network forgot looks alive for ever: it is asked so often, and has so long to answer. */
const HEARTBEAT_INTERVAL_MS = 10_000;
const ANSWER_TIMEOUT_MS = 5_000;

/** One connection that listens, replaced by another whenever it is lost. */
export class SignalReceiver {
  private client: ListeningPgClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  private attempt = 0;
  private isLost = false;
  private isClosed = false;

  constructor(private readonly parts: SignalReceiverParts) {}

  start(): void {
    const client = (this.client = this.parts.createClient());
    client.on('error', (error) => this.replace(client, error));
    client.on('end', () => this.replace(client));
    client.on('notification', ({ payload }) => {
      if (client === this.client && payload !== undefined) this.parts.listeners.deliver(payload);
    });
    this.listen(client).catch((error: unknown) => this.replace(client, error));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.client = undefined;
    if (client) await inTime(client.end()).catch(() => undefined);
  }

  private async listen(client: ListeningPgClient): Promise<void> {
    await inTime(client.connect());
    const channel = await this.parts.findChannel();
    await inTime(client.query(`listen "${channel.replaceAll('"', '""')}"`));
    if (client !== this.client) return;
    if (this.isLost) this.parts.logger.log('signals of other instances arrive again');
    this.isLost = false;
    this.attempt = 0;
    this.parts.listeners.resumed();
    this.scheduleHeartbeat(client);
  }

  private scheduleHeartbeat(client: ListeningPgClient): void {
    this.timer = setTimeout(() => {
      inTime(client.query('select 1')).then(
        () => client === this.client && this.scheduleHeartbeat(client),
        (error: unknown) => this.replace(client, error),
      );
    }, HEARTBEAT_INTERVAL_MS).unref();
  }

  private replace(client: ListeningPgClient, error?: unknown): void {
    if (client !== this.client || this.isClosed) return;
    this.client = undefined;
    clearTimeout(this.timer);
    client.end().catch(() => undefined);
    if (!this.isLost) {
      this.isLost = true;
      const problem = error === undefined ? 'the connection ended' : describePostgresError(error);
      this.parts.logger.warn(
        `signals of other instances do not arrive (${problem}): open connections of ended sessions close at their next check`,
      );
    }
    const delayMs = Math.min(FIRST_RETRY_DELAY_MS * 2 ** this.attempt, MAX_RETRY_DELAY_MS) * (0.5 + Math.random());
    this.attempt = Math.min(this.attempt + 1, 10);
    this.timer = setTimeout(() => this.start(), delayMs).unref();
  }
}

/** An answer that does not come counts as none. */
function inTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), ANSWER_TIMEOUT_MS).unref();
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
