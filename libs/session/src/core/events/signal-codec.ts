import type { SessionSignalListener } from '../ports/session-signals.js';
import type { EndedSession, SessionEndReason } from '../session/session-record.js';
import { isSessionId } from '../session/session-id.js';
import type { SessionLogger } from '../support/logger.js';

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
