/** Who can sign in. The sign-in page and the log show these: they guard nothing. */
export const DEMO_USERS = [
  { email: 'ada@example.com', name: 'Ada Lovelace', password: 'analytical-engine' },
  { email: 'grace@example.com', name: 'Grace Hopper', password: 'first-compiler' },
  { email: 'alan@example.com', name: 'Alan Turing', password: 'imitation-game' },
] as const;
