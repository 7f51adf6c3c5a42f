import { assertKnownOptions, assertOneOf } from './option-checks.js';

/** Protection against unsafe requests of other sites, for `SessionModuleOptions.csrf`. See `origins` for the trusted ones. */
export interface SessionCsrfOptions {
  /** `'enforce'` refuses them; `'log-only'` logs and emits them but lets them through, for a trial run. Default `'enforce'`. */
  readonly mode?: 'enforce' | 'log-only';
  /**
   * `'required'`: an unsafe request with a live session also needs a token of `HttpSession.csrfToken()`, in the header
   * `X-CSRF-Token` or the body field `_csrf`. Default `'off'`.
   */
  readonly token?: 'off' | 'required';
}

export interface CsrfSettings {
  readonly mode: 'enforce' | 'log-only';
  readonly token: 'off' | 'required';
}

/**
 * Returns `undefined` when protection is off.
 *
 * @throws {SessionConfigurationError} A name or a value is unknown.
 */
export function resolveCsrfSettings(csrf: false | SessionCsrfOptions = {}): CsrfSettings | undefined {
  if (csrf === false) return undefined;
  assertKnownOptions(csrf, ['mode', 'token'], 'csrf');
  const { mode = 'enforce', token = 'off' } = csrf;
  assertOneOf(mode, ['enforce', 'log-only'], 'csrf.mode');
  assertOneOf(token, ['off', 'required'], 'csrf.token');
  return { mode, token };
}

/** Lists the warnings at boot when requests of other sites are allowed. */
export function listCsrfWarnings(settings: CsrfSettings | undefined): string[] {
  if (!settings) return ['csrf is false: other sites can make browsers send requests, a sign-in among them'];
  if (settings.mode === 'enforce') return [];
  return ["csrf.mode is 'log-only': requests of other sites are logged and let through"];
}
