import { createIpAddressForm, type IpAddressForm, type IpAddressMode } from '../../core/client/ip-address-form.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { MIN_KEY_BYTES } from '../../core/token/session-token.js';
import { assertOneOf } from './option-checks.js';
import type { SessionModuleOptions } from './session-module-options.interface.js';

export interface IpAddressSettings {
  readonly mode: IpAddressMode;
  /** Every client address passes this before it is stored, logged or told. The key is out of reach inside it. */
  readonly toStored: IpAddressForm;
}

/** @throws {SessionConfigurationError} The mode is unknown, its key is missing or weak, or there is a key without use. */
export function resolveIpAddresses({
  ipAddresses = 'full',
  ipAddressKey,
}: Pick<SessionModuleOptions, 'ipAddresses' | 'ipAddressKey'>): IpAddressSettings {
  assertOneOf(ipAddresses, ['full', 'truncated', 'hashed', 'none'], 'ipAddresses');
  if (ipAddresses === 'hashed') assertKey(ipAddressKey);
  else if (ipAddressKey !== undefined) {
    throw new SessionConfigurationError('ipAddressKey', `does nothing with ipAddresses '${ipAddresses}': remove it`);
  }
  return { mode: ipAddresses, toStored: createIpAddressForm(ipAddresses, ipAddressKey) };
}

function assertKey(key: unknown): void {
  const isKey = typeof key === 'string' || key instanceof Uint8Array;
  if (isKey && Buffer.byteLength(key) >= MIN_KEY_BYTES) return;
  throw new SessionConfigurationError(
    'ipAddressKey',
    `must have at least ${MIN_KEY_BYTES} bytes with ipAddresses 'hashed': generate one with "openssl rand -base64 48"`,
  );
}
