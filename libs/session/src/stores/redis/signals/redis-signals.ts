import type { EndedSession } from '../../../core/session/session-record.js';
import { BackendSignals } from '../../../core/events/backend-signals.js';
import { encodeSignals } from '../../../core/events/signal-codec.js';
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
 * The store's client sends them; in a Cluster PUBLISH reaches every node. A second client receives them, a duplicate
 * of the store's that opens for the first listener. With an ACL, the user needs `&<prefix>:signals +publish
 * +subscribe`.
 */
export class RedisSignals extends BackendSignals<RedisBackend> {
  private readonly gate: DeadlineGate;

  constructor(private readonly settings: RedisSignalsSettings) {
    super({ logger: settings.logger, unavailable });
    this.gate = new DeadlineGate(settings.operationTimeoutMs);
  }

  /** Waits for running messages, too. */
  override async stop(): Promise<void> {
    await super.stop();
    await this.gate.idle();
  }

  protected async send(backend: RedisBackend, ended: readonly EndedSession[]): Promise<void> {
    const channel = this.channelOf(backend);
    const texts = encodeSignals(ended, MAX_MESSAGE_BYTES);
    await this.gate.run(() => Promise.all(texts.map((text) => backend.publish(channel, text))));
  }

  protected receive(backend: RedisBackend): SignalSubscriber | undefined {
    const { listeners } = this;
    try {
      return SignalSubscriber.open(backend.client, { channel: this.channelOf(backend), listeners });
    } catch (error) {
      this.settings.logger.warn(`signals of other instances cannot be received: ${describeRedisError(error)}`);
      return undefined;
    }
  }

  private channelOf({ client }: RedisBackend): string {
    const { keyPrefix: ownPrefix = '' } = client.options as { keyPrefix?: string };
    return `${ownPrefix}${this.settings.keyPrefix}:signals`;
  }
}
