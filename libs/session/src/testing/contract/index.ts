import { concurrentChangeContract } from './concurrent-change.contract.js';
import type { ContractGroup } from './contract-group.js';
import { createContract } from './create.contract.js';
import { dataContainsContract } from './data-contains.contract.js';
import { dataContract } from './data.contract.js';
import { providerContract } from './provider.contract.js';
import { totalContract } from './total.contract.js';
import { expiryContract } from './expiry.contract.js';
import { lifecycleContract } from './lifecycle.contract.js';
import { limitsContract } from './limits.contract.js';
import { listContract } from './list.contract.js';
import { raceContract } from './race.contract.js';
import { replacesContract } from './replaces.contract.js';
import { revokeContract } from './revoke.contract.js';
import { rotateContract } from './rotate.contract.js';
import { credentialChangeContract } from './credential-change.contract.js';
import { touchContract } from './touch.contract.js';
import { undecodableContract } from './undecodable.contract.js';

/** Every group of the contract, in the order in which they run. */
export const CONTRACT: readonly ContractGroup[] = [
  createContract,
  expiryContract,
  touchContract,
  dataContract,
  dataContainsContract,
  rotateContract,
  credentialChangeContract,
  revokeContract,
  providerContract,
  totalContract,
  replacesContract,
  limitsContract,
  listContract,
  raceContract,
  concurrentChangeContract,
  undecodableContract,
  lifecycleContract,
];
