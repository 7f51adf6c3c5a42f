import { TestEnvironment } from 'jest-environment-node';

// A worker whose Jest was killed would otherwise go on with its spec file, against servers that are gone.
process.once('disconnect', () => process.exit(1));

export default TestEnvironment;
