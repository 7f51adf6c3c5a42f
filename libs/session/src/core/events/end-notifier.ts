import type { EndedSession } from '../session/session-record.js';
import { SignalListeners } from './signal-codec.js';
import type { SessionSignalListener, SessionSignals } from '../ports/session-signals.js';
import type { SessionLogger } from '../support/logger.js';

/** Ended is terminal, so an id that was heard of need not be heard of again. Far more than come in the time between doubles. */
const MAX_REMEMBERED = 20_000;

/**
 * Tells of each session that ended on any instance, once, and tells other instances of those that ended here. Sending
 * is never waited for: what is lost costs time, see `SessionSignals`.
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

  /** Begins to listen to other instances, with the first listener. */
  listen(listener: SessionSignalListener): () => void {
    const stop = this.listeners.add(listener);
    this.unsubscribe ??= this.signals?.subscribe({
      ended: (sessions) => this.hear(sessions),
      resumed: () => this.listeners.resumed(),
    });
    return stop;
  }

  /** Whether the end of this session was heard of lately. `false` says nothing. */
  knowsOf(id: string): boolean {
    return this.heard.has(id);
  }

  /** A session ended by a call of this instance. Those of one turn go out together. */
  notify(session: EndedSession): void {
    this.hear([session]);
    if (!this.signals) return;
    if (this.gathered.length === 0) queueMicrotask(() => this.send());
    this.gathered.push(session);
  }

  /** More sessions ended by a call of this instance than can be told: all instances look theirs up again. */
  requestRecheck(): void {
    this.listeners.resumed();
    if (this.signals) this.track(this.publish(this.signals, []));
  }

  /** Resolves when everything told until now was sent or has failed. */
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
    const problem = `other instances were not told of sessions that ended and notice at their next check: ${String(error)}`;
    if (this.isFailing) this.logger.debug(problem);
    else this.logger.warn(problem);
    this.isFailing = true;
  }
}
