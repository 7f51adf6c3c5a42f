import { BROWSER_MAP, parse, type Parser } from 'bowser';

export type ClientKind = 'desktop' | 'phone' | 'tablet' | 'program';

/** A user agent in words. What it did not say is `null`. */
export interface ClientDescription {
  readonly browser: string | null;
  readonly system: string | null;
  /** Such as `Chrome on macOS`; never empty. */
  readonly label: string;
  readonly kind: ClientKind;
}

/** Tools that are no browsers and that Bowser does not name, by how their user agent begins. */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/^curl\//, 'curl'],
  [/^Wget\//, 'Wget'],
  [/^HTTPie\//, 'HTTPie'],
  [/^PostmanRuntime\//, 'Postman'],
  [/^python-requests\//, 'Python'],
  [/^(?:node|undici|node-fetch)\b/, 'Node.js'],
];

const KNOWN_BROWSERS = new Set<string>(Object.values(BROWSER_MAP));

const PLAIN_NAMES: Record<string, string> = {
  'Samsung Internet for Android': 'Samsung Internet',
  'Microsoft Edge': 'Edge',
};

/**
 * Says which browser runs on which system. Versions are left out: browsers freeze the system's in their user agent, so
 * they would be wrong (Windows 11 calls itself 10, every macOS 10.15).
 */
export function describeClient(userAgent: string | null): ClientDescription {
  if (!userAgent) return { browser: null, system: null, label: 'Unknown device', kind: 'program' };
  const program = PROGRAMS.find(([pattern]) => pattern.test(userAgent))?.[1];
  if (program) return { browser: program, system: null, label: program, kind: 'program' };
  const parsed = parse(userAgent);
  const browser = browserOf(parsed);
  const system = systemOf(parsed);
  return { browser, system, label: labelOf(browser, system), kind: kindOf(parsed) };
}

function browserOf({ browser: { name } }: Parser.ParsedResult): string | null {
  // For what it does not know Bowser takes the first word, which says nothing and could be anything.
  return name && KNOWN_BROWSERS.has(name) ? (PLAIN_NAMES[name] ?? name) : null;
}

function systemOf({ os, platform }: Parser.ParsedResult): string | null {
  if (os.name === 'iOS') return platform.model ?? 'iOS';
  return os.name ?? null;
}

function labelOf(browser: string | null, system: string | null): string {
  if (browser && system) return `${browser} on ${system}`;
  if (system) return `Unknown browser on ${system}`;
  return browser ?? 'Unknown device';
}

function kindOf({ os, platform }: Parser.ParsedResult): ClientKind {
  if (platform.type === 'mobile') return 'phone';
  if (platform.type === 'tablet') return 'tablet';
  return platform.type === 'desktop' || os.name ? 'desktop' : 'program';
}
