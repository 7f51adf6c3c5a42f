/** Ends the servers that the set-up started. */
export default async function tearDown() {
  await Promise.all((globalThis.testServers ?? []).map((server) => server.stop()));
}
