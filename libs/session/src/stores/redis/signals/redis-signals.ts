import type { EndedSession } from '../../../core/session/session-record.js';
import { encodeSignals, SignalListeners } from '../../../core/events/signal-codec.js';
import type { SessionSignalListener, SessionSignals } from '../../../core/ports/session-signals.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { DeadlineGate } from '../connection/deadline-gate.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { describeRedisError, unavailable } from '../connection/redis-errors.js';
import { SignalSubscriber } from './signal-subscriber.js';

export interface RedisSignalsSettings {
  readonly keyPrefix: string;
  readonly operationTimeoutMs: number;
  readonly logger: SessionLogger;
}

/** Limits one message, and so the memory of a subscriber. */
const MAX_MESSAGE_BYTES = 64_000;

/**
 * Signals on the channel `<prefix>:signals`, after the client's own key prefix. Databases of one server share channels.
 *  The store's client sends them; in a Cluster PUBLISH reaches every node. A second client receives them, a duplicate
 * of the store's that opens for the first listener. With an ACL, the user needs `&<prefix>:signals +publish
 * +subscribe`.
 */
export class RedisSignals implements SessionSignals {
  private readonly listeners: SignalListeners;
  private readonly gate: DeadlineGate;
  private backend: RedisBackend | undefined;
  private subscriber: SignalSubscriber | undefined;
  private isStopped = false;

  constructor(private readonly settings: RedisSignalsSettings) {
    this.listeners = new SignalListeners(settings.logger);
    this.gate = new DeadlineGate(settings.operationTimeoutMs);
  }

  /** Sends and receives by this client from now on. */
  start(backend: RedisBackend): void {
    this.backend = backend;
    if (this.listeners.size > 0) this.listen();
  }

  async publish(ended: readonly EndedSession[]): Promise<void> {
    const { backend } = this;
    if (!backend || this.isStopped) throw unavailable(this.isStopped ? 'it was stopped' : 'it was not started');
    const channel = this.channelOf(backend);
    await this.gate.run(() =>
      Promise.all(encodeSignals(ended, MAX_MESSAGE_BYTES).map((text) => backend.publish(channel, text))),
    );
  }

  subscribe(listener: SessionSignalListener): () => void {
    const stop = this.listeners.add(listener);
    this.listen();
    return stop;
  }

  /** Stops receiving and waits for running messages. Idempotent. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.subscriber?.close();
    await this.gate.idle();
  }

  private listen(): void {
    const { backend } = this;
    if (!backend || this.subscriber || this.isStopped) return;
    const { logger } = this.settings;
    try {
      this.subscriber = SignalSubscriber.open(backend.client, {
        channel: this.channelOf(backend),
        listeners: this.listeners,
        logger,
      });
    } catch (error) {
      logger.warn(`signals of other instances cannot be received: ${describeRedisError(error)}`);
    }
  }

  private channelOf({ client }: RedisBackend): string {
    const { keyPrefix: ownPrefix = '' } = client.options as { keyPrefix?: string };
    return `${ownPrefix}${this.settings.keyPrefix}:signals`;
  }
}
