import type { JsonObject } from '../../../core/session/session-data.js';
import { SessionDataUnavailableError } from '../../../core/session/session-errors.js';
import type { SessionRecord } from '../../../core/session/session-record.js';

/**
 * Returns the record with data of which only the durable keys can be read. Reading any other key, or listing the keys,
 * throws `SessionDataUnavailableError`, so that an outage is never mistaken for an empty session.
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

/** `await` looks up `then` and inspectors look up symbols on any object they meet. Neither reads the data. */
function refuseUnlessProbe(key: string | symbol): undefined {
  if (typeof key === 'string' && key !== 'then') refuse();
  return undefined;
}

function refuse(): never {
  throw new SessionDataUnavailableError('hybrid', 'the side that holds the session data does not answer');
}
