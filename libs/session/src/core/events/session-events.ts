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

/** An unsafe request that came, or seems to come, from another site. Header values are cut at 200 characters. */
export interface CsrfRejection extends SecurityEvent {
  /**
   * `cross-site`: by `Sec-Fetch-Site`. `foreign-origin`: by `Origin`. `no-origin`: neither header was present.
   * `no-request`: the request of a GraphQL mutation was not found. `no-token`: a live session without a valid CSRF token.
   */
  readonly refusal: 'cross-site' | 'foreign-origin' | 'no-origin' | 'no-request' | 'no-token';
  /** `false`: the request was allowed, because `csrf.mode` is `'log-only'`. */
  readonly isEnforced: boolean;
  readonly method: string | null;
  readonly origin: string | null;
  readonly secFetchSite: string | null;
}

/** A token came back after its successor had taken its place: two parties hold copies of it. */
export interface DetectedReuse {
  readonly id: string;
  readonly userId: string | null;
  readonly detectedAt: Date;
  /** `false`: the store did not answer. The request was refused, and the next one tries the revocation again. */
  readonly isRevoked: boolean;
}

/** A session that was created. */
export type BegunSession = Session & {
  /**
   * `true` when no earlier live session of the user, nor the replaced one, has this browser, system and device label.
   * `undefined` when it was not asked for, the session is anonymous, or the store did not answer.
   */
  readonly isNewDevice?: boolean;
};

/** The events by name. Each is emitted on the instance whose call caused it. No event holds a token or a hash. */
export interface SessionEventMap {
  created: BegunSession;
  /** A new token. With periodic rotation: when the client first presents the successor. */
  rotated: Session;
  reauthenticated: Session;
  /** Also for each session that a sign-in evicted or replaced. Expired sessions emit nothing; cleanup counts them. */
  ended: EndedSession;
  /** All sessions that began before an instant ended at once, without an `ended` for each. */
  'everything-ended': EndedEverything;
  /** Once per request. */
  'csrf-rejected': CsrfRejection;
  /** Once per request. */
  'isolation-rejected': IsolationRejection;
  /** Before `ended` of the same session, whose reason is `reuse`. */
  'reuse-detected': DetectedReuse;
  'used-after-end': UseAfterEnd;
  /** Once per minute and address, when there were any. */
  'unknown-tokens': UnknownTokens;
  /** Once per request or handshake. */
  'cookie-ambiguous': AmbiguousCredentials;
  'limit-exceeded': LimitExceeded;
  /** `onAnomaly` did not return `allow`. Once for each client that is new to the session, on all instances. */
  anomaly: DecidedAnomaly;
  /** Once per refused call. */
  'step-up-required': StepUpRequired;
  /** Once per outage, and once at its end. */
  'store-unavailable': StoreAvailability;
}

/** Receives every event. `toAuditRecord(name, event)` turns any of them into an audit line. */
export type AnyEventListener = <Name extends keyof SessionEventMap>(
  name: Name,
  event: SessionEventMap[Name],
) => void | Promise<void>;

/** The instances whose events a listener receives. */
export interface SessionEventScope<From extends 'this-instance' | 'all-instances'> {
  /**
   * `this-instance`: only the instance that caused the event. Right for work that must happen once, such as sending a mail.
   * `all-instances`: every instance that listens, by the store's signals, which may get lost. Right for resources of each
   * instance, such as connections and caches. Default `'this-instance'`.
   */
  readonly from?: From;
}

/** Emits what happened to sessions, after it was stored. An error of a listener is logged and reaches no caller. */
export class SessionEvents {
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private readonly anyListeners = new Set<{ readonly listener: AnyEventListener }>();

  constructor(
    private readonly logger: SessionLogger,
    private readonly notifier = new EndNotifier(logger),
    private readonly devices?: NewDevices,
  ) {}

  /**
   * Adds a listener. Returns a function that removes it.
   *
   * @example
   * service.events.on('created', (session) => mailer.send(session.userId, 'New sign-in'));
   * service.events.on('ended', ({ id }) => cache.delete(id), { from: 'all-instances' });
   */
  on<Name extends keyof SessionEventMap>(
    name: Name,
    listener: (event: SessionEventMap[Name]) => void | Promise<void>,
    scope?: SessionEventScope<'this-instance'>,
  ): () => void;
  /** Only `ended` crosses instances. Each instance receives each end at most once. */
  on(
    name: 'ended',
    listener: (event: EndedSession) => void | Promise<void>,
    scope: SessionEventScope<'this-instance' | 'all-instances'>,
  ): () => void;
  /** With `newDevices` the listener runs after the store has listed the user's other sessions. No response waits for that. */
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

  /**
   * Adds a listener for every event of this instance, including those of later versions. Returns a function that removes it.
   *
   * @example
   * service.events.onAny((name, event) => logger.log(JSON.stringify(toAuditRecord(name, event))));
   */
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
