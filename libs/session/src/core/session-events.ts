import { EventEmitter } from 'node:events';
import { EndedEverywhere } from './ended-everywhere.js';
import type { EndedEverything, EndedSession } from './session-record.js';
import type { Session } from './session.js';
import type { SessionLogger } from './session-store.js';

/** An unsafe request that another site made a browser send, or that seems so. Header values are cut at 200 characters. */
export interface CsrfRejection {
  /**
   * `cross-site`: by `Sec-Fetch-Site`. `foreign-origin`: by `Origin`. `no-origin`: neither header was there.
   * `no-request`: a GraphQL mutation whose request could not be found. `no-token`: no right CSRF token for a live session.
   */
  readonly refusal: 'cross-site' | 'foreign-origin' | 'no-origin' | 'no-request' | 'no-token';
  /** `false`: it was let through, because `csrf.mode` is `'log-only'`. */
  readonly isEnforced: boolean;
  readonly method: string | null;
  readonly origin: string | null;
  readonly secFetchSite: string | null;
  /** What `ipAddresses` keeps of it. */
  readonly ipAddress: string | null;
}

/** A token came back after another one had taken its place: somebody has a copy of it that they should not have. */
export interface DetectedReuse {
  readonly id: string;
  readonly userId: string | null;
  readonly detectedAt: Date;
  /** `false`: the store did not answer. The request was refused and the revocation is tried again by the next one. */
  readonly isRevoked: boolean;
}

/** What happens to sessions, by the call of this instance that made it happen. No event holds a token or a hash. */
export interface SessionEventMap {
  created: Session;
  /** Also when a client takes up the successor that a periodic rotation gave it. */
  rotated: Session;
  reauthenticated: Session;
  /** Also for each session that a sign-in evicted or replaced. Sessions that time ended are only counted by cleanup. */
  ended: EndedSession;
  /** All sessions that began before an instant ended at once; no `ended` is told of each. */
  'everything-ended': EndedEverything;
  /** Once per request. */
  'csrf-rejected': CsrfRejection;
  /** Before `ended` of the same session, whose reason is `reuse`. */
  'reuse-detected': DetectedReuse;
}

/** Whose calls a listener hears of. */
export interface SessionEventScope<From extends 'this-instance' | 'all-instances'> {
  /**
   * `this-instance`: each event reaches one instance, the one that caused it: right for what must happen once, such as a
   * mail. `all-instances`: each event reaches every instance that listens, by way of the store's signals, which may get
   * lost: right for what each instance holds, such as connections and caches. Default `'this-instance'`.
   */
  readonly from?: From;
}

/** Hears of transitions after they were stored. A listener that throws is logged and harms nobody. */
export class SessionEvents {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  constructor(
    private readonly logger: SessionLogger,
    private readonly everywhere = new EndedEverywhere(logger),
  ) {}

  /** @returns A function that takes the listener away again. */
  on<Name extends keyof SessionEventMap>(
    name: Name,
    listener: (event: SessionEventMap[Name]) => void | Promise<void>,
    scope?: SessionEventScope<'this-instance'>,
  ): () => void;
  /** Ends are the only events that cross instances. An instance hears of each at most once. */
  on(
    name: 'ended',
    listener: (event: EndedSession) => void | Promise<void>,
    scope: SessionEventScope<'this-instance' | 'all-instances'>,
  ): () => void;
  on<Name extends keyof SessionEventMap>(
    name: Name,
    listener: (event: SessionEventMap[Name]) => void | Promise<void>,
    { from }: SessionEventScope<'this-instance' | 'all-instances'> = {},
  ): () => void {
    const guarded = (event: SessionEventMap[Name]) => void this.call(name, listener, event);
    if (from === 'all-instances') {
      return this.everywhere.listen({
        ended: (sessions) => {
          for (const one of sessions) guarded(one as SessionEventMap[Name]);
        },
        resumed: () => undefined,
      });
    }
    this.emitter.on(name, guarded);
    return () => void this.emitter.off(name, guarded);
  }

  emit<Name extends keyof SessionEventMap>(name: Name, event: SessionEventMap[Name]): void {
    this.emitter.emit(name, event);
    if (name === 'ended') this.everywhere.tell(event as EndedSession);
    if (name === 'everything-ended') this.everywhere.tellToLookAgain();
  }

  private async call<Event>(name: string, listener: (event: Event) => void | Promise<void>, event: Event) {
    try {
      await listener(event);
    } catch (error) {
      this.logger.error(`a listener of the session event "${name}" failed: ${String(error)}`);
    }
  }
}
