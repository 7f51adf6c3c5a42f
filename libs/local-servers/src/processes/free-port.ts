import { createServer, type AddressInfo } from 'node:net';

/** Returns a port of 127.0.0.1 that was free a moment ago; `0` means any port. Rejects when the wanted one is taken. */
export function findFreePort(wanted = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
