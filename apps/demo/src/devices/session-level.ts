import type { Session } from 'nest-sessions';

/** Describes the assurance level of a session in words. */
export function describeLevel({ awaitsSecondFactor, assuranceLevel }: Session): string {
  if (awaitsSecondFactor) return 'Waiting for a code';
  return assuranceLevel === 'aal1' ? 'One factor' : 'Two factors';
}
