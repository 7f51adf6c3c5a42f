import type { Session } from 'nest-sessions';
import { describeClient } from './client-description.js';

/** What the confirmation page says, and where its form goes. */
export interface SignOutQuestion {
  readonly question: string;
  readonly explanation: string;
  readonly button: string;
  readonly path: string;
}

export const SIGN_OUT_OTHERS_QUESTION: SignOutQuestion = {
  question: 'Sign out all other devices?',
  explanation: 'Every device but this one will have to sign in again.',
  button: 'Sign out all others',
  path: '/sessions/sign-out-others/confirm',
};

export function signOutOneQuestion({ id, userAgent, ipAddress }: Session): SignOutQuestion {
  const { label } = describeClient(userAgent);
  return {
    question: `Sign out ${label}?`,
    explanation: `That device${ipAddress ? `, at ${ipAddress},` : ''} will have to sign in again.`,
    button: 'Sign out this device',
    path: `/sessions/${id}/sign-out/confirm`,
  };
}
