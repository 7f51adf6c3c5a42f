import type { EndedSession } from '../session/session-record.js';
import { SignalListeners } from './signal-codec.js';
import type { SessionSignalListener, SessionSignals } from '../ports/session-signals.js';
import type { SessionLogger } from '../support/logger.js';

/** Large enough to cover the delay between duplicate notifications. An end is terminal: each id matters once. */
const MAX_REMEMBERED = 20_000;

/**
 * Notifies listeners once of each session that ended on any instance, and other instances of those that ended here. No
 * caller waits for the sending: a lost notification costs time only, see `SessionSignals`.
 */
export class EndNotifier {
  private readonly listeners: SignalListeners;
  private readonly heard = new Set<string>();
  private readonly sending = new Set<Promise<void>>();
  private gathered: EndedSession[] = [];
  private unsubscribe: (() => void) | undefined;
  private isFailing = false;

  constructor(
    private readonly logger: SessionLogger,
    private readonly signals?: SessionSignals,
  ) {
    this.listeners = new SignalListeners(logger);
  }

  /** Adds a listener. The first one also starts listening to other instances. */
  listen(listener: SessionSignalListener): () => void {
    const stop = this.listeners.add(listener);
    this.unsubscribe ??= this.signals?.subscribe({
      ended: (sessions) => this.hear(sessions),
      resumed: () => this.listeners.resumed(),
    });
    return stop;
  }

  /** Returns whether the end of this session was announced lately. `false` says nothing about the session. */
  knowsOf(id: string): boolean {
    return this.heard.has(id);
  }

  /** Announces a session that a call of this instance ended. All of one turn are sent together. */
  notify(session: EndedSession): void {
    this.hear([session]);
    if (!this.signals) return;
    if (this.gathered.length === 0) queueMicrotask(() => this.send());
    this.gathered.push(session);
  }

  /** Asks all instances to recheck their sessions, because too many ended to announce each. */
  requestRecheck(): void {
    this.listeners.resumed();
    if (this.signals) this.track(this.publish(this.signals, []));
  }

  /** Resolves when every notification so far was sent or has failed. */
  async settle(): Promise<void> {
    if (this.gathered.length > 0) this.send();
    await Promise.all(this.sending);
  }

  private hear(sessions: readonly EndedSession[]): void {
    const news = sessions.filter(({ id }) => this.remember(id));
    if (news.length > 0) this.listeners.ended(news);
  }

  private remember(id: string): boolean {
    if (this.heard.has(id)) return false;
    this.heard.add(id);
    if (this.heard.size > MAX_REMEMBERED) {
      const [oldest] = this.heard;
      if (oldest !== undefined) this.heard.delete(oldest);
    }
    return true;
  }

  private send(): void {
    const ended = this.gathered;
    this.gathered = [];
    if (ended.length === 0 || !this.signals) return;
    this.track(this.publish(this.signals, ended));
  }

  private track(sent: Promise<void>): void {
    this.sending.add(sent);
    void sent.finally(() => this.sending.delete(sent));
  }

  private async publish(signals: SessionSignals, ended: readonly EndedSession[]): Promise<void> {
    try {
      await signals.publish(ended);
      this.isFailing = false;
    } catch (error) {
      this.reportFailure(error);
    }
  }

  private reportFailure(error: unknown): void {
    const problem = `other instances were not notified of sessions that ended and notice at their next check: ${String(error)}`;
    if (this.isFailing) this.logger.debug(problem);
    else this.logger.warn(problem);
    this.isFailing = true;
  }
}
