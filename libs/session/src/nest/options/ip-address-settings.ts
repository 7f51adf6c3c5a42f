import { createIpAddressForm, type IpAddressForm, type IpAddressMode } from '../../core/client/ip-address-form.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { MIN_KEY_BYTES } from '../../core/token/session-token.js';
import { assertKnownOptions, describeValue } from './option-checks.js';

/** For `SessionModuleOptions.ipAddresses`. */
export type IpAddressOption = 'full' | 'truncated' | 'none' | HashedIpAddresses;

interface HashedIpAddresses {
  readonly mode: 'hashed';
  /** A secret of at least 32 bytes. Under another key the same address differs. */
  readonly key: string | Uint8Array;
}

export interface IpAddressSettings {
  readonly mode: IpAddressMode;
  /** Converts every client address before it is stored, logged or emitted. The function hides the key. */
  readonly toStored: IpAddressForm;
}

const MODES: readonly unknown[] = ['full', 'truncated', 'none'];
const KEY_ADVICE = 'generate one with "openssl rand -base64 48"';

/** @throws {SessionConfigurationError} The mode is unknown, or its key is missing or weak. */
export function resolveIpAddresses(given: IpAddressOption = 'full'): IpAddressSettings {
  if (typeof given === 'object' && given !== null) return resolveHashed(given);
  if ((given as string) === 'hashed') {
    throw new SessionConfigurationError(
      'ipAddresses',
      `'hashed' needs a key of at least ${MIN_KEY_BYTES} bytes: ipAddresses: { mode: 'hashed', key }; ${KEY_ADVICE}`,
    );
  }
  if (!MODES.includes(given)) {
    throw new SessionConfigurationError(
      'ipAddresses',
      `must be 'full' or 'truncated' or 'none' or { mode: 'hashed', key }, but is ${describeValue(given)}`,
    );
  }
  return { mode: given, toStored: createIpAddressForm(given) };
}

function resolveHashed(given: HashedIpAddresses): IpAddressSettings {
  assertKnownOptions(given, ['mode', 'key'], 'ipAddresses');
  const { mode, key } = given;
  if (mode !== 'hashed') {
    throw new SessionConfigurationError(
      'ipAddresses.mode',
      `must be 'hashed', the one mode that has a key, but is ${describeValue(mode)}: write the others as ipAddresses: 'truncated'`,
    );
  }
  const isKey = typeof key === 'string' || key instanceof Uint8Array;
  if (!isKey || Buffer.byteLength(key) < MIN_KEY_BYTES) {
    throw new SessionConfigurationError('ipAddresses.key', `must have at least ${MIN_KEY_BYTES} bytes: ${KEY_ADVICE}`);
  }
  return { mode, toStored: createIpAddressForm(mode, key) };
}
