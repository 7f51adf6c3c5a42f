import { createSecretKey, type KeyObject } from 'node:crypto';
import { DemoConfigError } from './demo-config.error.js';
import type { Environment } from './environment.js';

export const SECOND_FACTOR_KEY_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]{43}=$/;

/**
 * The key that second factors are sealed under. `undefined` when it is not set: then one is kept beside the data.
 *
 * @throws {DemoConfigError} Not 32 bytes in base64, or missing where instances on several computers may share a database.
 */
export function readSecondFactorKey(env: Environment): KeyObject | undefined {
  const text = env['SECOND_FACTOR_KEY'];
  if (text) {
    const key = parseSecondFactorKey(text);
    if (key) return key;
    throw new DemoConfigError(
      'SECOND_FACTOR_KEY',
      'must be 32 bytes in base64, as `openssl rand -base64 32` makes them',
    );
  }
  if (env['NODE_ENV'] === 'production' && env['DATABASE_URL']) {
    throw new DemoConfigError(
      'SECOND_FACTOR_KEY',
      'is needed in production beside DATABASE_URL: 32 bytes in base64, as `openssl rand -base64 32` makes them',
    );
  }
  return undefined;
}

/** `undefined` when it is not 32 bytes in base64. */
export function parseSecondFactorKey(text: string): KeyObject | undefined {
  return BASE64.test(text) ? createSecretKey(text, 'base64') : undefined;
}
