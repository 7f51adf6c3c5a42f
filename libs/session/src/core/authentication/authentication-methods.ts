import { SessionArgumentError } from '../session/session-errors.js';

const METHOD = /^[\x21-\x7e]{1,64}$/;
const MAX_METHODS = 16;

/**
 * Authentication methods as they are stored.
 *
 * @throws {SessionArgumentError} More than 16, or one that is not 1 to 64 printable ASCII characters, as those of RFC 8176 are.
 */
export function toAuthenticationMethods(amr: readonly string[] = []): string[] {
  const isValid = Array.isArray(amr) && amr.length <= MAX_METHODS && amr.every((method) => METHOD.test(method));
  if (isValid) return [...amr];
  throw new SessionArgumentError(
    `amr must be at most ${MAX_METHODS} names of printable ASCII without spaces, such as ['pwd', 'otp'] (RFC 8176)`,
  );
}
