interface MovedOption {
  readonly to: string;
  readonly example: string;
}

const PUBLIC_EXAMPLE = "origins: { public: ['https://app.example.com'] }";
const REJECT_EXAMPLE = "origins: { onMissing: 'reject' }";

/** Options under the names of before, by their path. */
const MOVED: ReadonlyMap<string, MovedOption> = new Map([
  ['rotateEvery', { to: 'rotation.every', example: "rotation: { every: '15m' }" }],
  ['rotationGrace', { to: 'rotation.grace', example: "rotation: { every: '15m', grace: '60s' }" }],
  ['auditRetention', { to: 'retention.audit', example: "retention: { audit: '365d' }" }],
  ['csrf.publicOrigins', { to: 'origins.public', example: PUBLIC_EXAMPLE }],
  ['csrf.trustedOrigins', { to: 'origins.trusted', example: "origins: { trusted: ['https://partner.example'] }" }],
  ['csrf.onMissing', { to: 'origins.onMissing', example: REJECT_EXAMPLE }],
  ['sockets.allowedOrigins', { to: 'origins.public, or origins.trusted for other sites', example: PUBLIC_EXAMPLE }],
  ['sockets.requireOrigin', { to: 'origins.onMissing', example: REJECT_EXAMPLE }],
  ['insecureCookie', { to: 'cookie.secure', example: 'cookie: { secure: false }' }],
  ['ipAddressKey', { to: 'ipAddresses.key', example: "ipAddresses: { mode: 'hashed', key }" }],
  ['maxDataSize', { to: 'maxDataBytes', example: 'maxDataBytes: 4096' }],
  [
    'justifications.rotateEvery',
    { to: "justifications['rotation.every']", example: "justifications: { 'rotation.every': 'why' }" },
  ],
  [
    'justifications.insecureCookie',
    { to: "justifications['cookie.secure']", example: "justifications: { 'cookie.secure': 'why' }" },
  ],
]);

/** Returns what an old name is called now, in words for after it; `undefined` for a name that never was an option. */
export function findMoveProblem(path: string): string | undefined {
  const moved = MOVED.get(path);
  return moved && `is now ${moved.to}: ${moved.example}`;
}
