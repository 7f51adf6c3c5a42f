import '../../scripts/typescript-hooks.mjs';

/** Starts the servers that all specs share. Jest loads this file as plain JavaScript; the hooks load the TypeScript. */
export default async function setUp() {
  const { startSharedServers } = await import('./shared-servers.ts');
  globalThis.testServers = await startSharedServers();
}
