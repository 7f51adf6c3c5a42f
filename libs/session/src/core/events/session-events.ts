import { EventEmitter } from 'node:events';
import { EndNotifier } from './end-notifier.js';
import type {
  DecidedAnomaly,
  AmbiguousCredentials,
  IsolationRejection,
  LimitExceeded,
  SecurityEvent,
  StepUpRequired,
  StoreAvailability,
  UnknownTokens,
  UseAfterEnd,
} from './security-events.js';
import type { NewDevices } from './new-devices.js';
import type { EndedEverything, EndedSession } from '../session/session-record.js';
import type { Session } from '../session/session.js';
import type { SessionLogger } from '../support/logger.js';

/** An unsafe request that another site made a browser send, or that seems so. Header values are cut at 200 characters. */
export interface CsrfRejection extends SecurityEvent {
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
}

/** A token came back after another one had taken its place: somebody has a copy of it that they should not have. */
export interface DetectedReuse {
  readonly id: string;
  readonly userId: string | null;
  readonly detectedAt: Date;
  /** `false`: the store did not answer. The request was refused and the revocation is tried again by the next one. */
  readonly isRevoked: boolean;
}

/** A session that began. */
export type BegunSession = Session & {
  /**
   * Whether nothing like this client's browser, system and device label is among the user's other live sessions that began
   * before, nor was in the one that it replaced. `undefined`: not asked for, an anonymous session, or the store did not answer.
   */
  readonly isNewDevice?: boolean;
};

/** What happens to sessions, by the call of this instance that made it happen. No event holds a token or a hash. */
export interface SessionEventMap {
  created: BegunSession;
  /** Also when a client takes up the successor that a periodic rotation gave it. */
  rotated: Session;
  reauthenticated: Session;
  /** Also for each session that a sign-in evicted or replaced. Sessions that time ended are only counted by cleanup. */
  ended: EndedSession;
  /** All sessions that began before an instant ended at once; no `ended` is told of each. */
  'everything-ended': EndedEverything;
  /** Once per request. */
  'csrf-rejected': CsrfRejection;
  /** Once per request. */
  'isolation-rejected': IsolationRejection;
  /** Before `ended` of the same session, whose reason is `reuse`. */
  'reuse-detected': DetectedReuse;
  'used-after-end': UseAfterEnd;
  /** Once per minute and address that there were any from. */
  'unknown-tokens': UnknownTokens;
  /** Once per request or handshake. */
  'cookie-ambiguous': AmbiguousCredentials;
  'limit-exceeded': LimitExceeded;
  /** `onAnomaly` answered something else than `allow`. Once for each client that is new to the session, on all instances. */
  anomaly: DecidedAnomaly;
  /** Once per refused call. */
  'step-up-required': StepUpRequired;
  /** Once per outage, and once when it is over. */
  'store-unavailable': StoreAvailability;
}

/** Hears of every event; `toAuditRecord(name, event)` makes a line of any. */
export type AnyEventListener = <Name extends keyof SessionEventMap>(
  name: Name,
  event: SessionEventMap[Name],
) => void | Promise<void>;

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
  private readonly anyListeners = new Set<{ readonly listener: AnyEventListener }>();

  constructor(
    private readonly logger: SessionLogger,
    private readonly notifier = new EndNotifier(logger),
    private readonly devices?: NewDevices,
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
  /** `newDevices`: the listener is called once the store has listed the user's other sessions, which no response waits for. */
  on(
    name: 'created',
    listener: (event: BegunSession) => void | Promise<void>,
    options: SessionEventScope<'this-instance'> & { readonly newDevices?: boolean },
  ): () => void;
  on<Name extends keyof SessionEventMap>(
    name: Name,
    listener: (event: SessionEventMap[Name]) => void | Promise<void>,
    { from, newDevices }: SessionEventScope<'this-instance' | 'all-instances'> & { readonly newDevices?: boolean } = {},
  ): () => void {
    const asks = name === 'created' && newDevices === true;
    const told = asks
      ? async (event: SessionEventMap[Name]) =>
          listener((await this.withDevice(event as Session)) as SessionEventMap[Name])
      : listener;
    const guarded = (event: SessionEventMap[Name]) => void this.call(name, told, event);
    if (from === 'all-instances') {
      return this.notifier.listen({
        ended: (sessions) => {
          for (const one of sessions) guarded(one as SessionEventMap[Name]);
        },
        resumed: () => undefined,
      });
    }
    this.emitter.on(name, guarded);
    return () => void this.emitter.off(name, guarded);
  }

  /** Every event of this instance, those of later versions included. @returns A function that takes the listener away again. */
  onAny(listener: AnyEventListener): () => void {
    const entry = { listener };
    this.anyListeners.add(entry);
    return () => void this.anyListeners.delete(entry);
  }

  emit<Name extends keyof SessionEventMap>(name: Name, event: SessionEventMap[Name]): void {
    this.emitter.emit(name, event);
    for (const { listener } of this.anyListeners)
      void this.call(name, (one: SessionEventMap[Name]) => listener(name, one), event);
    if (name === 'ended') this.notifier.notify(event as EndedSession);
    if (name === 'everything-ended') this.notifier.requestRecheck();
  }

  private async withDevice(session: Session): Promise<BegunSession> {
    const isNewDevice = await this.devices?.isNew(session);
    return Object.freeze({ ...session, isNewDevice });
  }

  private async call<Event>(name: string, listener: (event: Event) => void | Promise<void>, event: Event) {
    try {
      await listener(event);
    } catch (error) {
      this.logger.error(`a listener of the session event "${name}" failed: ${String(error)}`);
    }
  }
}
