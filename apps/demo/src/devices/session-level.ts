import type { Session } from 'nest-sessions';

/** How well the user of a session has proved who they are, in words. */
export function describeLevel({ awaitsSecondFactor, assuranceLevel }: Session): string {
  if (awaitsSecondFactor) return 'Waiting for a code';
  return assuranceLevel === 'aal1' ? 'One factor' : 'Two factors';
}
