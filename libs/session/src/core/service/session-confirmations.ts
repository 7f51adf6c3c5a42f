import { addConfirmation, assertAction, takeConfirmation } from '../authentication/confirmations.js';
import { parseDuration, type Duration } from '../session/duration.js';
import type { Session } from '../session/session.js';
import type { SessionUpdater } from './session-updater.js';

/** Confirmations of single actions, kept among a session's data. `SessionService` documents the methods. */
export class SessionConfirmations {
  constructor(private readonly updater: SessionUpdater) {}

  async confirm(
    session: Session | undefined,
    action: string,
    { validFor = '5m' }: { validFor?: Duration } = {},
  ): Promise<boolean> {
    assertAction(action);
    const validForMs = parseDuration(validFor, 'validFor');
    if (!session) return false;
    const confirmation = { action, now: session.checkedAt, validForMs };
    return (await this.updater.update(session, (data) => addConfirmation(data, confirmation))) !== undefined;
  }

  async take(session: Session, action: string): Promise<boolean> {
    assertAction(action);
    const confirmation = { action, now: session.checkedAt };
    if (!takeConfirmation(session.data, confirmation).taken) return false;
    let isTaken = false;
    const updated = await this.updater.update(session, (data) => {
      const { taken, data: rest } = takeConfirmation(data, confirmation);
      isTaken = taken;
      return rest;
    });
    return updated !== undefined && isTaken;
  }
}
