import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { CUTOFF_LEASE_MS } from '#src/stores/redis/connection/cutoff-lease.js';

const PAUSE_MS = 25;
/** By then the caller has looked whether what it wrote is there. */
const FIRST_WAIT_MS = CUTOFF_LEASE_MS + 500;

/**
 * Loses the key of the floor while an instance reads, and writes it again as another instance would that had seen it, time
 * and again, so that the one that reads goes by the floor of before for as long as the call that raised it waits.
 */
export async function readWhileLost({
  redis,
  key,
  field,
  read,
  until,
}: {
  redis: Redis;
  key: string;
  field: string;
  read: () => Promise<unknown>;
  until: Promise<unknown>;
}): Promise<void> {
  const raised = await redis.hget(key, field);
  let isOver = false;
  const end = () => void (isOver = true);
  until.then(end, end);
  const untilMs = performance.now() + FIRST_WAIT_MS;
  while (!isOver && performance.now() < untilMs) {
    await redis.del(key);
    await read();
    await redis.hset(key, field, String(raised));
    await wait(PAUSE_MS);
  }
}
