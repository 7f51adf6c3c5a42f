import type { ListeningPgClient } from '../connection/postgres-connection.js';
import type { SignalListeners } from '../../../core/events/signal-codec.js';
import { Deadline, settleInTime } from '../../../core/support/deadline.js';
import { reconnectDelayMs } from '../../../core/support/timers.js';
import { describePostgresError } from '../connection/postgres-errors.js';

export interface SignalReceiverParts {
  /** A new client, not connected. */
  readonly createClient: () => ListeningPgClient;
  readonly findChannel: () => Promise<string>;
  readonly listeners: SignalListeners;
}

const MAX_RETRY_DELAY_MS = 5_000;
/** A half-open connection looks alive forever, so a query checks it at this interval, with this timeout. */
const HEARTBEAT_INTERVAL_MS = 10_000;
const ANSWER_TIMEOUT_MS = 5_000;

/** A separate connection that listens to the channel. Another one replaces it after every loss. */
export class SignalReceiver {
  private client: ListeningPgClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  private attempt = 0;
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
    this.parts.listeners.interrupted(error === undefined ? 'the connection ended' : describePostgresError(error));
    this.attempt += 1;
    this.timer = setTimeout(() => this.start(), reconnectDelayMs(this.attempt, MAX_RETRY_DELAY_MS)).unref();
  }
}

/** A missing answer counts as an error. */
const ANSWER_RULES = { giveUp: () => new Error('no answer'), toError: (error: unknown) => error as Error };

function inTime<T>(answer: Promise<T>): Promise<T> {
  return settleInTime(new Deadline(ANSWER_TIMEOUT_MS), () => answer, { rules: ANSWER_RULES });
}
