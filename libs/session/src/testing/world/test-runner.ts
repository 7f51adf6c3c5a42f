type TestBody = () => void | Promise<void>;

/** The part of Jest's and Vitest's global functions that the contract needs. */
export interface TestRunner {
  describe(name: string, define: () => void): void;
  it(name: string, test: TestBody, timeoutMs?: number): void;
  beforeAll(hook: TestBody, timeoutMs?: number): void;
  afterAll(hook: TestBody, timeoutMs?: number): void;
}

/**
 * The test runner that this file runs in, found by its global functions, so that no runner is a dependency.
 *
 * @throws {Error} There are none: outside a test, or in Vitest without `globals: true`.
 */
export function findTestRunner(): TestRunner {
  const globals = globalThis as Partial<TestRunner>;
  const { describe, it, beforeAll, afterAll } = globals;
  if (!describe || !it || !beforeAll || !afterAll) {
    throw new Error(
      'describeSessionStore() needs the global functions describe, it, beforeAll and afterAll: call it in a spec file of Jest, or of Vitest with `globals: true`',
    );
  }
  return { describe, it, beforeAll, afterAll };
}
