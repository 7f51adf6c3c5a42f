import { describe, expect, it } from '@jest/globals';
import { MemorySessionStore } from '#src/stores/memory/store/memory-session.store.js';
import type { SessionStore } from 'nest-sessions/store';
import { FakeClock, type StoreHarness } from 'nest-sessions/testing';
import { CONTRACT } from '#src/testing/contract/index.js';
import { StoreWorld } from '#src/testing/world/store-world.js';
import { RACE_SABOTAGES } from './sabotages/race.sabotages.js';
import { RULE_SABOTAGES } from './sabotages/rule.sabotages.js';
import type { Sabotage } from './sabotages/sabotage.js';

/** A memory store in which some methods are replaced by broken ones. */
function createHarness(sabotage: Sabotage['sabotage'] = () => ({})): StoreHarness {
  const clock = new FakeClock();
  const sound = new MemorySessionStore({ maxSessions: 100_000, now: clock.now });
  const broken = sabotage(sound, clock);
  const store = new Proxy<SessionStore>(sound, {
    get: (target, property) => {
      const member: unknown = Reflect.get(broken, property) ?? Reflect.get(target, property, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  return {
    store,
    secondInstance: () => Promise.resolve(store),
    advanceTime: (ms) => clock.advance(ms),
    countEntries: () => Promise.resolve(sound.size),
    close: () => sound.stop(),
  };
}

/** Runs one group as `describeSessionStore` would and gives the titles of the tests that failed. */
async function listFailures(subject: string, sabotage?: Sabotage['sabotage']): Promise<string[]> {
  const group = CONTRACT.find((one) => one.subject === subject);
  if (!group) throw new Error(`there is no group "${subject}"`);
  const tests: [string, (world: StoreWorld) => Promise<void>][] = [];
  group.define((title, test) => tests.push([title, test]));
  const harness = createHarness(sabotage);
  const world = new StoreWorld(harness, await harness.secondInstance());
  const failures: string[] = [];
  for (const [title, test] of tests) {
    await test(world).catch(() => failures.push(title));
  }
  await harness.close();
  return failures;
}

describe('the contract', () => {
  it.each(CONTRACT.map(({ subject }) => subject).filter((subject) => subject !== 'undecodable'))(
    'finds nothing wrong with a sound store: %s',
    async (subject) => {
      expect(await listFailures(subject)).toEqual([]);
    },
  );

  it.each([...RACE_SABOTAGES, ...RULE_SABOTAGES])('finds a store that $does', async ({ subject, sabotage }) => {
    expect(await listFailures(subject, sabotage)).not.toEqual([]);
  });
});
