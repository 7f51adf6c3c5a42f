import { EventEmitter } from 'node:events';
import type { EndedSession } from './session-record.js';
import type { Session } from './session.js';
import type { SessionLogger } from './session-store.js';

/** What happens to sessions, by the call of this instance that made it happen. No event holds a token or a hash. */
export interface SessionEventMap {
  created: Session;
  rotated: Session;
  reauthenticated: Session;
  /** Also for each session that a sign-in evicted or replaced. Sessions that time ended are only counted by cleanup. */
  ended: EndedSession;
}

/** Hears of transitions after they were stored. A listener that throws is logged and harms nobody. */
export class SessionEvents {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  constructor(private readonly logger: SessionLogger) {}

  /** @returns A function that takes the listener away again. */
  on<Name extends keyof SessionEventMap>(
    name: Name,
    listener: (event: SessionEventMap[Name]) => void | Promise<void>,
  ): () => void {
    const guarded = (event: SessionEventMap[Name]) => void this.call(name, listener, event);
    this.emitter.on(name, guarded);
    return () => void this.emitter.off(name, guarded);
  }

  emit<Name extends keyof SessionEventMap>(name: Name, event: SessionEventMap[Name]): void {
    this.emitter.emit(name, event);
  }

  private async call<Event>(name: string, listener: (event: Event) => void | Promise<void>, event: Event) {
    try {
      await listener(event);
    } catch (error) {
      this.logger.error(`a listener of the session event "${name}" failed: ${String(error)}`);
    }
  }
}
