import { CONTRACT } from './index.js';
import { StoreWorld } from '../world/store-world.js';
import type { StoreContractOptions, StoreHarness } from '../world/store-harness.js';
import { findTestRunner } from '../world/test-runner.js';

const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Defines the tests that every session store must pass: the promises of the `SessionStore` port, most of them while two
 * instances race on one backend. Call it at the top level of a spec file. Works in Jest, and in Vitest with
 * `globals: true`.
 *
 * @example
 * ```ts
 * describeSessionStore('dynamo', async () => {
 *   const table = await createTable();
 *   const open = () => startedDynamoStore(table);
 *   const store = await open();
 *   return { store, secondInstance: open, close: () => table.drop() };
 * });
 * ```
 *
 * @param name - The name of the store, for the test titles.
 * @param createHarness - Creates a store on an empty backend. Called once for each group of tests.
 * @see The section "Writing a store" of the README.
 */
export function describeSessionStore(
  name: string,
  createHarness: () => Promise<StoreHarness>,
  { without = [], timeoutMs = DEFAULT_TIMEOUT_MS }: StoreContractOptions = {},
): void {
  const runner = findTestRunner();
  runner.describe(`session store contract: ${name}`, () => {
    for (const group of CONTRACT) {
      if (without.some((subject) => subject === group.subject)) continue;
      runner.describe(group.subject, () => {
        let harness: StoreHarness | undefined;
        let world: StoreWorld | undefined;
        runner.beforeAll(async () => {
          harness = await createHarness();
          world = new StoreWorld(harness, await harness.secondInstance());
        }, timeoutMs);
        runner.afterAll(async () => harness?.close(), timeoutMs);
        group.define((title, test) => {
          runner.it(
            title,
            async () => {
              if (!world)
                throw new Error('the harness of this group could not be created: see the error of its beforeAll');
              await test(world);
            },
            timeoutMs,
          );
        });
      });
    }
  });
}
