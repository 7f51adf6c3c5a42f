/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/test/support/test-environment.mjs',
  roots: ['<rootDir>/libs', '<rootDir>/apps', '<rootDir>/scripts', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/libs/[^/]+/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: {
    '^nest-sessions$': '<rootDir>/libs/session/src/index.ts',
    '^nest-sessions/store$': '<rootDir>/libs/session/src/store.ts',
    '^nest-sessions/(redis|postgres|hybrid)$': '<rootDir>/libs/session/src/stores/$1/index.ts',
    '^nest-sessions/testing$': '<rootDir>/libs/session/src/testing/index.ts',
    '^local-servers$': '<rootDir>/libs/local-servers/src/index.ts',
    '^local-servers/testing$': '<rootDir>/libs/local-servers/src/testing/index.ts',
    // Tests reach into the library by this alias, so that they survive its moves.
    '^#src/(.*)\\.js$': '<rootDir>/libs/session/src/$1.ts',
    // Sources import `./x.js` and are called `x.ts`; what really ends in .js keeps winning.
    '^(\\.{1,2}/.*)\\.js$': ['$1.js', '$1.ts'],
  },
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  testTimeout: 30_000,
  maxWorkers: 2,
  // Each spec file loads its own copy of Nest, and ESM contexts give memory back late.
  workerIdleMemoryLimit: '1GB',
  coverageProvider: 'v8',
  coverageDirectory: '<rootDir>/coverage',
  collectCoverageFrom: ['libs/*/src/**/*.ts', '!**/*.spec.ts', '!**/index.ts', '!**/*.generated.ts'],
};
