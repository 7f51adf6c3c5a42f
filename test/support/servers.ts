/** Returns the address of a server that Jest's set-up started for all specs. */
export function getServerUrl(name: 'TEST_REDIS_URL' | 'TEST_POSTGRES_URL'): string {
  const url = process.env[name];
  if (url) return url;
  throw new Error(`${name} is not set: a spec that needs a server belongs to integration (jest.config.js)`);
}
