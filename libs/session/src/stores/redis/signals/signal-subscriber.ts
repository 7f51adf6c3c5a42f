import type { SignalListeners } from '../../../core/events/signal-codec.js';
import { reconnectDelayMs } from '../../../core/support/timers.js';
import type { RedisClient } from '../connection/redis-client.js';
import { describeRedisError } from '../connection/redis-errors.js';

/** A client that only listens: `Redis` and `Cluster` of ioredis both have these methods. */
interface ListeningClient extends RedisClient {
  subscribe(channel: string): Promise<unknown>;
  ping(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
}

interface DuplicableClient {
  duplicate?(...overrides: unknown[]): ListeningClient;
}

export interface SignalSubscriberSettings {
  readonly channel: string;
  readonly listeners: SignalListeners;
}

const MAX_RETRY_DELAY_MS = 2_000;
/** A half-open connection looks alive forever, so a PING checks it at this interval, with this timeout. */
const HEARTBEAT_INTERVAL_MS = 10_000;
const HEARTBEAT_TIMEOUT_MS = 5_000;

const OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: true,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  disconnectTimeout: 100,
  commandTimeout: undefined,
  // A socket timeout would take the silence between two signals for a hung server.
  socketTimeout: undefined,
  retryStrategy: (attempt: number) => reconnectDelayMs(attempt, MAX_RETRY_DELAY_MS),
};

/** A separate connection that listens to one channel, and listens again after every loss. */
export class SignalSubscriber {
  private heartbeat: NodeJS.Timeout | undefined;
  private isClosed = false;

  private constructor(
    private readonly client: ListeningClient,
    private readonly settings: SignalSubscriberSettings,
  ) {}

  /** Duplicates the client, owned or not, and connects in the background. */
  static open(client: RedisClient, settings: SignalSubscriberSettings): SignalSubscriber {
    const source = client as DuplicableClient;
    if (typeof source.duplicate !== 'function') throw new TypeError('the client has no duplicate()');
    const own = client.isCluster
      ? source.duplicate([], { lazyConnect: true, enableOfflineQueue: true })
      : source.duplicate({ ...OPTIONS, connectionName: 'nest-sessions-signals' });
    const subscriber = new SignalSubscriber(own, settings);
    subscriber.start();
    return subscriber;
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.heartbeat);
    this.client.disconnect();
  }

  private start(): void {
    const { client, settings } = this;
    client.on('error', () => undefined);
    client.on('message', (channel, text) => {
      if (channel === settings.channel && typeof text === 'string') settings.listeners.deliver(text);
    });
    client.on('ready', () => void this.listen());
    client.on('close', () => this.lose('the connection is lost'));
    client.connect().catch((error: unknown) => this.lose(describeRedisError(error)));
    // A Cluster switches to another node by itself, without an event for the signals missed in between.
    if (!client.isCluster) this.heartbeat = setInterval(() => this.beat(), HEARTBEAT_INTERVAL_MS).unref();
  }

  private async listen(): Promise<void> {
    try {
      await this.client.subscribe(this.settings.channel);
    } catch (error) {
      this.lose(describeRedisError(error));
      return;
    }
    if (!this.isClosed) this.settings.listeners.resumed();
  }

  private lose(problem: string): void {
    if (!this.isClosed) this.settings.listeners.interrupted(problem);
  }

  private beat(): void {
    if (this.client.status !== 'ready') return;
    const giveUp = setTimeout(() => this.client.disconnect(true), HEARTBEAT_TIMEOUT_MS).unref();
    this.client.ping().then(
      () => clearTimeout(giveUp),
      () => clearTimeout(giveUp),
    );
  }
}
