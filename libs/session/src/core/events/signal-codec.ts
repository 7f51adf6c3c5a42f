import type { SessionSignalListener } from '../ports/session-signals.js';
import type { EndedSession, SessionEndReason } from '../session/session-record.js';
import { isSessionId } from '../session/session-id.js';
import type { SessionLogger } from '../support/logger.js';

/** `[id, userId, endedAtMs, endReason, endedBy]` of an ended session. None of it is secret. */
type EncodedEnd = readonly [string, string | null, number, SessionEndReason, string | null];

const FORMAT = 'nest-sessions/1';
const RECHECK = JSON.stringify([FORMAT, []]);

/**
 * Encodes signals as texts of at most `maxBytes` of UTF-8, each complete in itself. One session always fits into 4096 bytes.
 * An empty list is a signal too: the request to recheck.
 */
export function encodeSignals(ended: readonly EndedSession[], maxBytes: number): string[] {
  const frame = Buffer.byteLength(JSON.stringify([FORMAT, []]));
  if (ended.length === 0) return [RECHECK];
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

/** Decodes a text. Returns an empty list for a foreign text or another format. */
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

/** The listeners of one store's signals. An error of a listener is logged and does not affect the others. */
export class SignalListeners {
  private readonly listeners = new Set<SessionSignalListener>();
  private isInterrupted = false;

  constructor(private readonly logger: SessionLogger) {}

  get size(): number {
    return this.listeners.size;
  }

  add(listener: SessionSignalListener): () => void {
    // Not the listener itself: one that was added twice is removed one at a time.
    const own = { ended: listener.ended.bind(listener), resumed: listener.resumed.bind(listener) };
    this.listeners.add(own);
    return () => void this.listeners.delete(own);
  }

  /** Passes a received text on to the listeners. */
  deliver(text: string): void {
    if (text === RECHECK) {
      this.resumed();
      return;
    }
    const ended = decodeSignal(text);
    if (ended.length > 0) this.ended(ended);
  }

  ended(sessions: readonly EndedSession[]): void {
    this.notify((listener) => listener.ended(sessions));
  }

  /** Reports that signals do not arrive, once until `resumed`. */
  interrupted(problem: string): void {
    if (this.isInterrupted) return;
    this.isInterrupted = true;
    this.logger.warn(
      `signals of other instances do not arrive (${problem}): open connections of ended sessions close at their next check`,
    );
  }

  resumed(): void {
    if (this.isInterrupted) this.logger.log('signals of other instances arrive again');
    this.isInterrupted = false;
    this.notify((listener) => listener.resumed());
  }

  private notify(call: (listener: SessionSignalListener) => void): void {
    for (const listener of this.listeners) {
      try {
        call(listener);
      } catch (error) {
        this.logger.error(`a listener of session signals failed: ${String(error)}`);
      }
    }
  }
}
