import { DemoConfigError } from './demo-config.error.js';

/** Variables by name; empty ones count as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {DemoConfigError} Not a port number. */
export function readPort(env: Environment, variable: string, byDefault: number): number {
  const text = env[variable];
  if (!text) return byDefault;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) {
    throw new DemoConfigError(variable, `must be a port number from 0 to 65535, but is ${JSON.stringify(text)}`);
  }
  return port;
}

/** @throws {DemoConfigError} Not a URL of one of the protocols. The message does not repeat it: it may hold a password. */
export function readUrl(env: Environment, variable: string, protocols: readonly string[]): string | undefined {
  const text = env[variable];
  if (!text) return undefined;
  const example = `${protocols[0]}//localhost`;
  if (!URL.canParse(text)) throw new DemoConfigError(variable, `must be a URL such as ${example}`);
  const { protocol, username, password, pathname } = new URL(text);
  if (!protocols.includes(protocol)) {
    throw new DemoConfigError(variable, `must be a URL such as ${example}, but its protocol is ${protocol}`);
  }
  if (![username, password, pathname].every(isDecodable)) {
    throw new DemoConfigError(variable, 'has a % that begins no escape: write it as %25');
  }
  return text;
}

function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

/** A URL as it may be printed: protocol, host and path, no user, password or parameters. */
export function printableUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
