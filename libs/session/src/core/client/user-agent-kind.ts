/** The meaning of a user agent, without versions. */
export interface UserAgentKind {
  /** A browser family, or the first product name of any other client; empty when unknown. */
  readonly browser: string;
  /** An operating system; empty when unknown. */
  readonly system: string;
}

/** In this order, because many browsers also name those that they are derived from. */
const BROWSERS = [
  ['edge', /\bEdg(?:e|A|iOS)?\//],
  ['opera', /\b(?:OPR|Opera|OPT)\//],
  ['samsung', /\bSamsungBrowser\//],
  ['firefox', /\b(?:Firefox|FxiOS)\//],
  ['chrome', /\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//],
  ['safari', /\bVersion\/\S+ (?:Mobile\/\S+ )?Safari\//],
] as const;
const SYSTEMS = [
  ['windows', /\bWindows\b/],
  ['android', /\bAndroid\b/],
  ['ios', /\b(?:iPhone|iPad|iPod)\b/],
  ['chromeos', /\bCrOS\b/],
  ['macos', /\bMac(?:intosh|OS)\b/],
  ['linux', /\bLinux\b|\bX11\b/],
] as const;
const MAX_PRODUCT_LENGTH = 40;

/**
 * Returns browser family and system, for comparison. Browsers built on Chromium that name nothing else count as Chrome. An
 * iPad that asks for desktop pages counts as a Mac.
 */
export function toUserAgentKind(userAgent: string | null | undefined): UserAgentKind {
  const text = userAgent ?? '';
  const named = BROWSERS.find(([, pattern]) => pattern.test(text))?.[0];
  const product = /^[^\s/();]+/.exec(text)?.[0] ?? '';
  const browser = named ?? product.slice(0, MAX_PRODUCT_LENGTH).toLowerCase();
  return { browser, system: SYSTEMS.find(([, pattern]) => pattern.test(text))?.[0] ?? '' };
}

export function isSameKind(one: UserAgentKind, other: UserAgentKind): boolean {
  return one.browser === other.browser && one.system === other.system;
}
