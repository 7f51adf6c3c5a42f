import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { EndNotifier } from '../../core/events/end-notifier.js';
import { isUnavailable } from '../../core/session/session-errors.js';
import { SessionService } from '../../core/service/session-service.js';
import type { Session } from '../../core/session/session.js';
import { startJitteredTimeout } from '../../core/support/timers.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_CORE, SESSION_SETTINGS } from '../options/session.constants.js';

/** A connection that stays open for a session. */
export interface OpenConnection {
  readonly session: Pick<Session, 'id' | 'userId'>;
  /** Closes the connection at once. Called at most once. */
  close(): void;
}

/** Sessions looked up at the same time by one check. */
const MAX_PARALLEL = 32;

/**
 * Closes the open connections of sessions that ended (ASVS 7.4.1). It does so when a signal arrives, and by regular checks
 * of all open sessions, which find lost signals and expired sessions.
 *
 * An outage of the store closes no connection.
 */
@Injectable()
export class OpenConnections implements OnModuleDestroy {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly bySession = new Map<string, Set<OpenConnection>>();
  private readonly intervalMs: number;
  private stopListening: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private checking: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly service: SessionService,
    @Inject(SESSION_CORE) private readonly core: { readonly endNotifier: EndNotifier },
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
  ) {
    this.intervalMs = settings.sockets.recheckIntervalMs;
  }

  /** Number of open connections. */
  get size(): number {
    let size = 0;
    for (const connections of this.bySession.values()) size += connections.size;
    return size;
  }

  /**
   * Adds a connection whose session was just found live. Closes it at once if the session's end was announced meanwhile.
   *
   * @returns A function to call when the connection has closed.
   */
  add(connection: OpenConnection): () => void {
    const { id } = connection.session;
    this.listen();
    const connections = this.bySession.get(id) ?? new Set();
    this.bySession.set(id, connections.add(connection));
    if (this.core.endNotifier.knowsOf(id)) this.close(id);
    this.timer ??= this.schedule();
    return () => {
      connections.delete(connection);
      if (connections.size === 0 && this.bySession.get(id) === connections) this.bySession.delete(id);
    };
  }

  /** Starts to listen for ends. Call it before looking a session up, so that none of its ends is missed. */
  listen(): void {
    if (this.isStopped) return;
    this.stopListening ??= this.core.endNotifier.listen({
      ended: (sessions) => {
        for (const { id } of sessions) this.close(id);
      },
      resumed: () => void this.recheckAnew(),
    });
  }

  /** Checks every session once and closes the connections of those that ended. Joins a check that is under way. */
  recheck(): Promise<void> {
    return (this.checking ??= this.checkAll().finally(() => {
      this.checking = undefined;
    }));
  }

  /** Checks again after a check that is under way: sessions that it has looked up already may have ended since. */
  private async recheckAnew(): Promise<void> {
    await this.checking;
    await this.recheck();
  }

  onModuleDestroy(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.stopListening?.();
  }

  private close(id: string): void {
    const connections = this.bySession.get(id);
    if (!connections) return;
    this.bySession.delete(id);
    for (const connection of connections) {
      try {
        connection.close();
      } catch (error) {
        this.logger.error(`a connection of session ${id} could not be closed: ${String(error)}`);
      }
    }
  }

  private schedule(): NodeJS.Timeout {
    return startJitteredTimeout(() => void this.checkAndScheduleNext(), this.intervalMs);
  }

  private async checkAndScheduleNext(): Promise<void> {
    await this.recheck();
    this.timer = this.isStopped || this.bySession.size === 0 ? undefined : this.schedule();
  }

  private async checkAll(): Promise<void> {
    // Sessions that are added later were looked up later.
    const waiting = [...this.bySession.values()].flatMap(([connection]) => connection ?? []);
    const work = async () => {
      for (let next = waiting.pop(); next && !this.isStopped; next = waiting.pop()) {
        const { session } = next;
        const found = await this.service.recheck(session, { touch: false });
        // A pending second factor may be awaited on an open response. After an anomaly nothing stays open.
        if (!found || found.awaitsReauthentication) this.close(session.id);
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL, waiting.length) }, work));
    } catch (error) {
      waiting.length = 0;
      const problem = `open connections were not checked, the next check tries again: ${String(error)}`;
      if (isUnavailable(error)) this.logger.debug(problem);
      else this.logger.error(problem);
    }
  }
}
