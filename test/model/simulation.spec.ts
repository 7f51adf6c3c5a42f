import { describe, expect, it } from '@jest/globals';
import { simulate } from './simulation/simulate.js';

const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 2000);
const FIRST_SEED = Number(process.env.SIMULATION_FIRST_SEED ?? 1);
const MS_PER_SEED = 200;

describe('two instances of the hybrid store on simulated sides', () => {
  it(
    `keep every promise in ${SEEDS} random interleavings with random faults (SIMULATION_FIRST_SEED replays)`,
    async () => {
      const total = { operations: 0, outages: 0, accepted: 0, ghosts: 0, stale: 0 };
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        const covered = await simulate(seed).catch((error: unknown) => {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        });
        for (const key of ['operations', 'outages', 'accepted', 'ghosts', 'stale'] as const) total[key] += covered[key];
      }
      // A simulation that never accepts anybody, or never meets an outage, would prove nothing.
      expect(total.accepted / SEEDS).toBeGreaterThan(1);
      expect(total.outages / SEEDS).toBeGreaterThan(1);
      expect(total.ghosts).toBeGreaterThan(SEEDS / 100);
      expect(total.stale).toBeGreaterThan(0);
    },
    SEEDS * MS_PER_SEED,
  );
});
