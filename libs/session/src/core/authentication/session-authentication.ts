import { higherLevel, isAssuranceLevel, levelOfMethods } from './assurance-level.js';
import { SessionArgumentError } from '../session/session-errors.js';
import type { AssuranceLevel, IdentityProviderSession, SessionAuthentication } from '../session/session-record.js';

const METHOD = /^[\x21-\x7e]{1,64}$/;
const MAX_METHODS = 16;
const MAX_TEXT = 512;
// eslint-disable-next-line no-control-regex -- it matches control characters on purpose
const CONTROL = /[\u0000-\u001f\u007f]/;

/** An authentication, as the application describes it. */
export interface AuthenticationInput {
  /** Methods as in RFC 8176, such as `['pwd', 'otp']`. Default none. */
  readonly amr?: readonly string[];
  /** NIST SP 800-63B level. Default by the methods: two kinds of factors are `aal2`, anything else is `aal1`. */
  readonly assuranceLevel?: AssuranceLevel;
  /** The identity-provider session of this sign-in. Default none. */
  readonly identityProvider?: IdentityProviderInput;
}

export interface IdentityProviderInput {
  /** `iss` in OpenID Connect. */
  readonly issuer: string;
  /** `sid` in OpenID Connect: a back-channel logout ends the session by it. */
  readonly sessionId?: string | null;
  /** `auth_time` in OpenID Connect. */
  readonly authenticatedAt?: Date | null;
}

/**
 * Validates an authentication for a new session.
 *
 * @throws {SessionArgumentError} A part cannot be stored, or an anonymous session is given an authentication.
 */
export function toAuthentication(
  input: AuthenticationInput & { readonly awaitsSecondFactor?: boolean },
  userId: string | null,
): SessionAuthentication {
  const { awaitsSecondFactor = false, assuranceLevel, identityProvider } = input;
  const amr = toAuthenticationMethods(input.amr);
  if (userId !== null) {
    return {
      amr,
      assuranceLevel: toLevel(assuranceLevel) ?? levelOfMethods(amr),
      awaitsSecondFactor: toFlag(awaitsSecondFactor),
      identityProvider: toIdentityProvider(identityProvider),
    };
  }
  if (awaitsSecondFactor || assuranceLevel !== undefined || identityProvider !== undefined) {
    throw new SessionArgumentError(
      'an anonymous session has no assuranceLevel, identityProvider or second factor: pass the userId that was authenticated',
    );
  }
  return { amr, assuranceLevel: null, awaitsSecondFactor: false, identityProvider: null };
}

/**
 * Returns the authentication after the user reauthenticated. A pending second factor adds its methods to those of the first.
 * Otherwise the new methods replace the old ones, and the level is the highest that the session has reached.
 *
 * @param options.isInDoubt - Another party may have used the session: the level is the one proved now.
 */
export function renewAuthentication(
  before: SessionAuthentication,
  input: AuthenticationInput,
  { isInDoubt = false }: { isInDoubt?: boolean } = {},
): SessionAuthentication {
  const given = toAuthenticationMethods(input.amr);
  const amr = before.awaitsSecondFactor ? [...new Set([...before.amr, ...given])] : given;
  const reached = isInDoubt ? null : before.assuranceLevel;
  return {
    amr,
    assuranceLevel: toLevel(input.assuranceLevel) ?? higherLevel(reached, levelOfMethods(amr)),
    awaitsSecondFactor: false,
    identityProvider: toIdentityProvider(input.identityProvider) ?? before.identityProvider,
  };
}

function toLevel(level: unknown): AssuranceLevel | undefined {
  if (level === undefined || isAssuranceLevel(level)) return level;
  throw new SessionArgumentError(`assuranceLevel must be 'aal1', 'aal2' or 'aal3'`);
}

function toFlag(flag: unknown): boolean {
  if (typeof flag === 'boolean') return flag;
  throw new SessionArgumentError('awaitsSecondFactor must be true or false');
}

function toIdentityProvider(input: IdentityProviderInput | undefined): IdentityProviderSession | null {
  if (input === undefined) return null;
  const { issuer, sessionId = null, authenticatedAt = null } = input;
  if (!isText(issuer) || (sessionId !== null && !isText(sessionId))) throw notAProviderSession();
  if (authenticatedAt !== null && !(authenticatedAt instanceof Date && authenticatedAt.getTime() >= 0)) {
    throw new SessionArgumentError(
      'identityProvider.authenticatedAt must be a valid Date: multiply auth_time, which is in seconds, by 1000',
    );
  }
  return { issuer, sessionId, authenticatedAt };
}

/** @throws {SessionArgumentError} Issuer or session id is missing or not storable. */
export function assertProviderSession({ issuer, sessionId }: Record<'issuer' | 'sessionId', unknown>): void {
  if (!isText(issuer) || !isText(sessionId)) throw notAProviderSession();
}

function notAProviderSession(): SessionArgumentError {
  return new SessionArgumentError(
    `identityProvider.issuer and sessionId must be 1 to ${MAX_TEXT} characters without control characters`,
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT && !CONTROL.test(value);
}

/**
 * Validates and copies authentication methods.
 *
 * @throws {SessionArgumentError} More than 16, or one that is not 1 to 64 printable ASCII characters as in RFC 8176.
 */
export function toAuthenticationMethods(amr: readonly string[] = []): string[] {
  const isValid = Array.isArray(amr) && amr.length <= MAX_METHODS && amr.every((method) => METHOD.test(method));
  if (isValid) return [...amr];
  throw new SessionArgumentError(
    `amr must be at most ${MAX_METHODS} names of printable ASCII without spaces, such as ['pwd', 'otp'] (RFC 8176)`,
  );
}
