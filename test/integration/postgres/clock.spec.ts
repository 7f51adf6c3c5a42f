import { describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { join } from 'node:path';
import { type PostgresWorld, usePostgresWorld } from './world.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

const IDLE_MS = 400;
const FIVE_MINUTES_MS = 300_000;

interface Seen {
  readonly offsetMinutes: number;
  readonly wasLive: boolean;
  readonly livedMs: number;
  readonly moved: boolean;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly idleMs: number;
  readonly cleaned: object;
}

// Real processes, as only the environment a process starts with decides its time zone.
describe('expiry in the Postgres store (I4, typeorm/typeorm#9943)', () => {
  let world: PostgresWorld;
  usePostgresWorld((opened) => (world = opened));

  const run = async (settings: { applicationZone: string; serverZone: string; skewMs: number }): Promise<Seen> => {
    const url = new URL(world.url);
    url.searchParams.set('options', `-c timezone=${settings.serverZone}`);
    const args = [url.href, world.schema, String(settings.skewMs), String(IDLE_MS)];
    const { stdout } = await execa({
      node: true,
      nodeOptions: ['--import', join(import.meta.dirname, '../../../scripts/typescript-hooks.mjs')],
      env: { TZ: settings.applicationZone },
    })`${join(import.meta.dirname, 'clock-child.ts')} ${args}`;
    return JSON.parse(stdout) as Seen;
  };

  it.each([
    { applicationZone: 'Asia/Tokyo', serverZone: 'America/New_York', skewMs: 0, offsetMinutes: -540 },
    { applicationZone: 'America/St_Johns', serverZone: 'Asia/Kathmandu', skewMs: FIVE_MINUTES_MS, offsetMinutes: 210 },
    { applicationZone: 'UTC', serverZone: 'UTC', skewMs: -FIVE_MINUTES_MS, offsetMinutes: 0 },
  ])(
    'is decided by the server alone: application in $applicationZone, server in $serverZone, clock off by $skewMs ms',
    async ({ offsetMinutes, ...settings }) => {
      const before = Date.now();
      const seen = await run(settings);
      expect(seen).toMatchObject({ offsetMinutes, wasLive: true, moved: true, idleMs: HOUR_MS });
      expect(seen.livedMs).toBeGreaterThanOrEqual(IDLE_MS);
      expect(seen.livedMs).toBeLessThan(IDLE_MS + 2000);
      for (const instant of [seen.createdAt, seen.lastSeenAt]) {
        expect(Date.parse(instant)).toBeGreaterThanOrEqual(before - 1000);
        expect(Date.parse(instant)).toBeLessThanOrEqual(Date.now() + 1000);
      }
      expect(seen.cleaned).toMatchObject({ expired: 0, purged: 0, state: 'done' });
    },
    30_000,
  );
});
