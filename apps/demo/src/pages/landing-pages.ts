const LANDING_PAGES = { account: '/', sessions: '/sessions' } as const;

export type LandingPage = keyof typeof LANDING_PAGES;

/** Names come from requests, paths never do: there is no address that a sign-in could be made to lead to (ASVS 3.7.2). */
export function landingNamed(name: unknown): LandingPage {
  return typeof name === 'string' && Object.hasOwn(LANDING_PAGES, name) ? (name as LandingPage) : 'account';
}

export function landingPath(landing: LandingPage): `/${string}` {
  return LANDING_PAGES[landing];
}

/** Where to go after signing in when this path was wanted. */
export function landingFor(path: string): LandingPage {
  return path.startsWith('/sessions') ? 'sessions' : 'account';
}
