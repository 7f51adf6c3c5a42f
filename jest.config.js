/** Specs that need no server and take seconds: `npm run test:unit`. All others are of the project `integration`. */
export const UNIT_SPECS = [
  'apps/**/*.spec.ts',
  'libs/**/*.spec.ts',
  'scripts/**/*.spec.ts',
  'test/architecture/*.spec.ts',
  'test/contract/contract.spec.ts',
  'test/contract/memory.contract.spec.ts',
  'test/support/*.spec.ts',
];

/** @type {import('jest').ProjectConfig} */
const shared = {
  testEnvironment: '<rootDir>/test/support/test-environment.mjs',
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
};

/** @type {import('jest').Config} */
export default {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/scripts', '<rootDir>/test'],
      testMatch: UNIT_SPECS.map((pattern) => `<rootDir>/${pattern}`),
      setupFiles: ['<rootDir>/test/support/without-servers.mjs'],
    },
    {
      ...shared,
      displayName: 'integration',
      roots: ['<rootDir>/test'],
      testMatch: ['**/*.spec.ts', ...UNIT_SPECS.map((pattern) => `!**/${pattern}`)],
      globalSetup: '<rootDir>/test/support/global-setup.mjs',
      globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
    },
  ],
  // Jest ignores the one of a project.
  testTimeout: 30_000,
  maxWorkers: 2,
  // Each spec file loads its own copy of Nest, and ESM contexts give memory back late.
  workerIdleMemoryLimit: '1GB',
  coverageProvider: 'v8',
  coverageDirectory: '<rootDir>/coverage',
  collectCoverageFrom: ['libs/session/src/**/*.ts', '!**/*.spec.ts', '!**/index.ts', '!**/*.generated.ts'],
};
