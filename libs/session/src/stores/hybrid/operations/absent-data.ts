import type { JsonObject } from '../../../core/session/session-data.js';
import { SessionDataUnavailableError } from '../../../core/session/session-errors.js';
import type { SessionRecord } from '../../../core/session/session-record.js';

/**
 * A record whose data is only partly known: reading a durable key works, reading anything else, or the whole, throws
 * `SessionDataUnavailableError`.
 */
export function withAbsentData(record: SessionRecord, durableKeys: readonly string[]): SessionRecord {
  const durable = record.data;
  const isDurable = (key: string | symbol): key is string => typeof key === 'string' && durableKeys.includes(key);
  const data: JsonObject = new Proxy(Object.create(null) as Record<string, unknown>, {
    get: (_target, key) => (isDurable(key) ? durable[key] : refuseUnlessProbe(key)),
    has: (_target, key) => (isDurable(key) ? Object.hasOwn(durable, key) : refuseUnlessProbe(key) !== undefined),
    set: () => false,
    deleteProperty: () => false,
    defineProperty: () => false,
    ownKeys: refuse,
    getOwnPropertyDescriptor: refuse,
  });
  return { ...record, data };
}

/** `await` looks for `then` and inspection for symbols, in whatever passes by: nobody who does that reads the data. */
function refuseUnlessProbe(key: string | symbol): undefined {
  if (typeof key === 'string' && key !== 'then') refuse();
  return undefined;
}

function refuse(): never {
  throw new SessionDataUnavailableError('hybrid', 'the side that holds the session data does not answer');
}
