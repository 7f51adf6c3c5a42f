import { TestEnvironment } from 'jest-environment-node';

const POLL_MS = 500;

// A worker whose Jest was killed would otherwise go on with its spec file, against servers that are gone. It is not told
// by the `disconnect` event, because a listener to that would keep every worker from ending by itself.
if (process.send) {
  setInterval(() => {
    if (!process.connected) process.exit(1);
  }, POLL_MS).unref();
}

export default TestEnvironment;
