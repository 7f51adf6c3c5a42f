import { BearerTokenFormat } from '../../core/token/bearer-token.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { assertKnownOptions, describeValue } from './option-checks.js';

/** Sessions in `Authorization: Bearer`, for `SessionModuleOptions.bearer`. */
export interface SessionBearerOptions {
  /**
   * Begins every bearer token, for secret scanners: a letter, then letters, digits and `_`, with `_` at the end, at most 16
   * characters, such as `'acme_'`. Tokens of another prefix are not ours. Default `'nss_'`.
   */
  readonly prefix?: string;
}

export interface BearerSettings {
  readonly prefix: string;
}

const DEFAULT_PREFIX = 'nss_';

/** @throws {SessionConfigurationError} The prefix could not be distinguished from the token after it. */
export function resolveBearerSettings(bearer: boolean | SessionBearerOptions = false): BearerSettings | undefined {
  if (bearer === false) return undefined;
  if (bearer === true) return { prefix: DEFAULT_PREFIX };
  assertKnownOptions(bearer, ['prefix'], 'bearer');
  const { prefix = DEFAULT_PREFIX } = bearer;
  if (BearerTokenFormat.isPrefix(prefix)) return { prefix };
  throw new SessionConfigurationError(
    'bearer.prefix',
    `must be a letter, then letters, digits and _, end in _ and have at most 16 characters, but is ${describeValue(prefix)}`,
  );
}
