import type { StoreWorld } from '../world/store-world.js';

/** Declares one test of the contract. */
export type Prove = (title: string, test: (world: StoreWorld) => Promise<void>) => void;

/** Tests of one subject; they share a backend, so each uses users of its own. */
export interface ContractGroup {
  readonly subject: string;
  readonly define: (prove: Prove) => void;
}
