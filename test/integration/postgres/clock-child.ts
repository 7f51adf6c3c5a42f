import { setImmediate } from 'node:timers/promises';
import { postgresStore } from 'nest-sessions/postgres';
import { aNewSession } from 'nest-sessions/testing';
import { DAY_MS, HOUR_MS } from '#src/testing/world/durations.js';

// A process whose wall clock is wrong: arguments are the server's URL, a schema, how far the clock is off in ms, and
// the idle timeout in ms of the session to watch. Prints what it saw as JSON.
const [url = '', schema = '', skew = '0', idleTimeout = '0'] = process.argv.slice(2);

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts: unknown[]) {
    if (parts.length > 0) super(...(parts as [number]));
    else super(RealDate.now() + Number(skew));
  }
  static override now(): number {
    return RealDate.now() + Number(skew);
  }
} as DateConstructor;

const silent = () => undefined;
const logger = { debug: silent, log: silent, warn: silent, error: silent };
const store = await postgresStore({ url, schema }).create({ logger, retentionMs: DAY_MS, auditRetentionMs: DAY_MS });
await store.start();

const session = aNewSession({ userId: 'ada', idleTimeoutMs: Number(idleTimeout) });
const startedAtMs = performance.now();
const created = await store.create(session);
const first = await store.find(session.id);
let live = first.live;
while (live) {
  await setImmediate();
  live = (await store.find(session.id)).live;
}
const livedMs = performance.now() - startedAtMs;

const touched = aNewSession({ userId: 'ada', idleTimeoutMs: HOUR_MS });
await store.create(touched);
const moved = store.touch({ id: touched.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
await store.flush();
const found = await store.find(touched.id);

process.stdout.write(
  JSON.stringify({
    offsetMinutes: new Date().getTimezoneOffset(),
    wasLive: first.live,
    livedMs,
    moved: await moved,
    createdAt: created.created ? created.record.createdAt : null,
    lastSeenAt: found.live ? found.record.lastSeenAt : null,
    idleMs: found.live ? found.record.expiresAt.getTime() - found.record.lastSeenAt.getTime() : null,
    cleaned: await store.cleanUp({ batchSize: 10 }),
  }),
);
await store.stop();
