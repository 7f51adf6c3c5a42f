import { createServer } from 'node:net';

/** A port of 127.0.0.1 that nobody listened on a moment ago; 0 asks the system for any. Rejects when it is taken. */
export function findFreePort(wanted = 0) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
