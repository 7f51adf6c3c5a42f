import type { EndedSession, SessionEndReason } from '../session/session-record.js';
import { isSessionId } from '../session/session-id.js';
import type { SessionLogger } from '../ports/session-store.js';

/**
 * How a store tells every instance that sessions ended. Best effort: a signal may be lost, come late or come twice, and
 * its sender hears it too. Nothing that has to be right may depend on it; every check of a session asks the store.
 */
export interface SessionSignals {
  /**
   * Tells all instances, this one included. None at all means that so many ended that each instance had better look up
   * those that it cares for: `resumed` is what listeners are told. Resolves when the backend took the signal, which says nothing about who
   * heard it.
   *
   * @throws {SessionStoreUnavailableError} The backend did not take it.
   */
  publish(ended: readonly EndedSession[]): Promise<void>;

  /**
   * Listens from now on, in the background, and connects anew whenever the connection is lost. May be called before the
   * store has started. The connection opened for the first listener stays until the store stops.
   *
   * @returns A function that takes the listener away again.
   */
  subscribe(listener: SessionSignalListener): () => void;
}

export interface SessionSignalListener {
  /** These sessions ended, on any instance. May be told again. */
  ended(sessions: readonly EndedSession[]): void;
  /** Look again: listening began, for the first time or anew, so that signals may have been missed, or too much ended to be told. */
  resumed(): void;
}

/** `[id, userId, endedAtMs, endReason, endedBy]`: what is known of an ended session, and no secret among it. */
type EncodedEnd = readonly [string, string | null, number, SessionEndReason, string | null];

const FORMAT = 'nest-sessions/1';
const LOOK_AGAIN = JSON.stringify([FORMAT, []]);

/**
 * Signals as texts of at most so many bytes of UTF-8, each of which stands for itself. One session always fits into 4096.
 * No session at all is a signal, too.
 */
export function encodeSignals(ended: readonly EndedSession[], maxBytes: number): string[] {
  const frame = Buffer.byteLength(JSON.stringify([FORMAT, []]));
  if (ended.length === 0) return [LOOK_AGAIN];
  const texts: string[] = [];
  let entries: string[] = [];
  let size = frame;
  const finish = () => {
    if (entries.length > 0) texts.push(`["${FORMAT}",[${entries.join(',')}]]`);
    entries = [];
    size = frame;
  };
  for (const { id, userId, endedAt, endReason, endedBy } of ended) {
    const entry = JSON.stringify([id, userId, endedAt.getTime(), endReason, endedBy] satisfies EncodedEnd);
    const bytes = Buffer.byteLength(entry) + 1;
    if (size + bytes > maxBytes) finish();
    entries.push(entry);
    size += bytes;
  }
  finish();
  return texts;
}

/** What a text tells; nothing when it is not one of ours, or of another format. */
export function decodeSignal(text: string): EndedSession[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(parsed) || parsed[0] !== FORMAT || !Array.isArray(parsed[1])) return [];
  return (parsed[1] as unknown[]).filter(isEncodedEnd).map(([id, userId, endedAtMs, endReason, endedBy]) => ({
    id,
    userId,
    endedAt: new Date(endedAtMs),
    endReason,
    endedBy,
  }));
}

function isEncodedEnd(value: unknown): value is EncodedEnd {
  if (!Array.isArray(value)) return false;
  const [id, userId, endedAtMs, endReason, endedBy] = value as unknown[];
  return (
    isSessionId(id) &&
    isTextOrNull(userId) &&
    Number.isSafeInteger(endedAtMs) &&
    typeof endReason === 'string' &&
    isTextOrNull(endedBy)
  );
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

/** Who listens to one store's signals; a listener that throws is logged and harms nobody. */
export class SignalListeners {
  private readonly listeners = new Set<SessionSignalListener>();

  constructor(private readonly logger: SessionLogger) {}

  get size(): number {
    return this.listeners.size;
  }

  add(listener: SessionSignalListener): () => void {
    // Not the listener itself: who adds one twice takes away one at a time.
    const own = { ended: listener.ended.bind(listener), resumed: listener.resumed.bind(listener) };
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  /** Passes on a signal as it arrived. */
  deliver(text: string): void {
    if (text === LOOK_AGAIN) {
      this.resumed();
      return;
    }
    const ended = decodeSignal(text);
    if (ended.length > 0) this.ended(ended);
  }

  ended(sessions: readonly EndedSession[]): void {
    this.tell((listener) => listener.ended(sessions));
  }

  resumed(): void {
    this.tell((listener) => listener.resumed());
  }

  private tell(call: (listener: SessionSignalListener) => void): void {
    for (const listener of this.listeners) {
      try {
        call(listener);
      } catch (error) {
        this.logger.error(`a listener of session signals failed: ${String(error)}`);
      }
    }
  }
}
