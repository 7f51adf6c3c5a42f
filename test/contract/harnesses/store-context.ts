import type { SessionStoreContext } from 'nest-sessions/store';
import { DAY_MS } from '#src/testing/world/durations.js';

const silent = () => undefined;

/** What the module would tell a store, with nothing logged. */
export const QUIET_CONTEXT: SessionStoreContext = {
  logger: { debug: silent, log: silent, warn: silent, error: silent },
  retentionMs: 30 * DAY_MS,
  auditRetentionMs: 365 * DAY_MS,
};

/** A server's address that Jest's set-up exports. */
export function getServerUrl(name: 'TEST_REDIS_URL' | 'TEST_POSTGRES_URL'): string {
  const url = process.env[name];
  if (!url) throw new Error(`${name} is not set: run the tests by "npm run jest", which starts the servers`);
  return url;
}
