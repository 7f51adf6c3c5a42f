import type { Redis } from 'ioredis';
import { setTimeout as wait } from 'node:timers/promises';

/** Retries until the attempt passes, for states without an event to await. */
export async function eventually<T>(attempt: () => Promise<T>, withinMs = 15_000): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await wait(25);
    }
  }
}

/** Returns how often the server ran a command, scripts included. */
export async function countCalls(client: Redis, command: string): Promise<number> {
  const stats = await client.info('commandstats');
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
}
