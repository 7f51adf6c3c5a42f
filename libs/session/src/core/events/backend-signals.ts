import type { SessionSignalListener, SessionSignals } from '../ports/session-signals.js';
import type { EndedSession } from '../session/session-record.js';
import type { SessionLogger } from '../support/logger.js';
import { SignalListeners } from './signal-codec.js';

/** A connection that receives signals until it is closed. */
export interface SignalConnection {
  close(): void | Promise<void>;
}

export interface BackendSignalsSettings {
  readonly logger: SessionLogger;
  readonly unavailable: (problem: string) => Error;
}

/**
 * Signals through the backend of a store. The store's own connection sends them. A connection of their own receives them;
 * it opens for the first listener and stays open until the store stops.
 */
export abstract class BackendSignals<Backend> implements SessionSignals {
  protected readonly listeners: SignalListeners;
  private backend: Backend | undefined;
  private connection: SignalConnection | undefined;
  private isStopped = false;

  protected constructor(private readonly base: BackendSignalsSettings) {
    this.listeners = new SignalListeners(base.logger);
  }

  /** Sends and receives through this backend from now on. */
  start(backend: Backend): void {
    this.backend = backend;
    if (this.listeners.size > 0) this.listen();
  }

  async publish(ended: readonly EndedSession[]): Promise<void> {
    if (this.isStopped) throw this.base.unavailable('it was stopped');
    if (!this.backend) throw this.base.unavailable('it was not started');
    await this.send(this.backend, ended);
  }

  subscribe(listener: SessionSignalListener): () => void {
    const stop = this.listeners.add(listener);
    this.listen();
    return stop;
  }

  /** Stops sending and receiving. Idempotent. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.connection?.close();
  }

  protected abstract send(backend: Backend, ended: readonly EndedSession[]): Promise<void>;

  /** Opens the connection that receives. Returns `undefined` when that cannot work, after logging why. */
  protected abstract receive(backend: Backend): SignalConnection | undefined;

  private listen(): void {
    if (this.backend && !this.isStopped) this.connection ??= this.receive(this.backend);
  }
}
