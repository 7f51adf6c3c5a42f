import { describe, expect, it } from '@jest/globals';
import { simulate } from './simulation/simulate.js';

const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 2000);
const FIRST_SEED = Number(process.env.SIMULATION_FIRST_SEED ?? 1);
const MS_PER_SEED = 200;

describe('two instances of the hybrid store on simulated sides', () => {
  it(
    `keep every promise in ${SEEDS} random interleavings with random faults (SIMULATION_FIRST_SEED replays)`,
    async () => {
      const total = new Map<string, number>();
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        const { rotations, ...covered } = await simulate(seed).catch((error: unknown) => {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        });
        for (const [key, count] of Object.entries({ ...covered, ...rotations })) {
          total.set(key, (total.get(key) ?? 0) + count);
        }
      }
      // A simulation that accepts no session, or never meets an outage, would prove nothing.
      const inARun = (key: string) => (total.get(key) ?? 0) / SEEDS;
      expect(inARun('accepted')).toBeGreaterThan(1);
      expect(inARun('outages')).toBeGreaterThan(1);
      expect(inARun('ghosts')).toBeGreaterThan(0.01);
      expect(inARun('stale')).toBeGreaterThan(0);
      expect(inARun('behind')).toBeGreaterThan(0.01);
      for (const kind of ['everything', 'byProvider', 'rotation', 'renewal', 'rehash']) {
        expect([kind, inARun(kind) > 0.02]).toEqual([kind, true]);
      }
    },
    SEEDS * MS_PER_SEED,
  );
});
