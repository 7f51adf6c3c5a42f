import { isUnavailable } from '../session/session-errors.js';
import type { SessionRecord } from '../session/session-record.js';
import type { SessionStore } from '../ports/session-store.js';
import type { Session } from '../session/session.js';
import { isSameKind, toUserAgentKind } from '../client/user-agent-kind.js';

/** The traits that distinguish one device from another. */
export type DeviceTraits = Pick<SessionRecord, 'userAgent' | 'device'>;

/** Finds out whether a session began on a device that no other session of the user has. Asks the store once per session. */
export class NewDevices {
  private readonly replaced = new WeakMap<Session, DeviceTraits>();
  private readonly answers = new WeakMap<Session, Promise<boolean | undefined>>();

  constructor(private readonly store: Pick<SessionStore, 'listByUser'>) {}

  /** Remembers the session that a new one replaced: it has ended, so the store no longer lists it. */
  noteReplaced(session: Session, replaced: DeviceTraits): void {
    this.replaced.set(session, replaced);
  }

  /** Returns `undefined` for an anonymous session, and when the store does not answer. */
  isNew(session: Session): Promise<boolean | undefined> {
    let answer = this.answers.get(session);
    if (!answer) this.answers.set(session, (answer = this.ask(session)));
    return answer;
  }

  private async ask(session: Session): Promise<boolean | undefined> {
    if (session.userId === null) return undefined;
    const replaced = this.replaced.get(session);
    if (replaced && isSameDevice(replaced, session)) return false;
    try {
      const { records } = await this.store.listByUser({ userId: session.userId });
      // Of two parallel sign-ins from one new device exactly one counts as new.
      return !records.some((other) => beganBefore(other, session) && isSameDevice(other, session));
    } catch (error) {
      if (isUnavailable(error)) return undefined;
      throw error;
    }
  }
}

function isSameDevice(one: DeviceTraits, other: DeviceTraits): boolean {
  return one.device === other.device && isSameKind(toUserAgentKind(one.userAgent), toUserAgentKind(other.userAgent));
}

function beganBefore(one: Pick<Session, 'id' | 'createdAt'>, other: Pick<Session, 'id' | 'createdAt'>): boolean {
  const apartMs = one.createdAt.getTime() - other.createdAt.getTime();
  return apartMs < 0 || (apartMs === 0 && one.id < other.id);
}
