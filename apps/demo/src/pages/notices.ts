/** Messages that a redirect can request from the next page. The URL holds only the key, so a link cannot inject text. */
export const NOTICES = {
  'sign-in-required': 'Please sign in to continue.',
  'session-over': 'Your session has ended. Please sign in again.',
  'session-in-doubt': 'Your session was used in another browser. Please sign in again to be safe.',
  'signed-out': 'You are signed out.',
  'device-signed-out': 'The device is signed out.',
  'device-already-signed-out': 'That device was already signed out.',
  'others-signed-out': 'All other devices are signed out.',
  'second-factor-removed': 'The authenticator app is removed. All other devices are signed out.',
  'second-factor-already-on': 'An authenticator app is set up already.',
  'second-factor-already-off': 'There is no authenticator app to remove.',
  'no-others': 'There was no other device to sign out.',
} as const;

export type NoticeKey = keyof typeof NOTICES;

export function findNotice(key: unknown): string | undefined {
  return typeof key === 'string' && Object.hasOwn(NOTICES, key) ? NOTICES[key as NoticeKey] : undefined;
}
