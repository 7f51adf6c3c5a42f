import { isUnavailable } from '../../../core/session/session-errors.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import type { DurableSide } from './durable-side.js';
import type { HotSide } from './hot-side.js';
import type { HotTrust } from './hot-trust.js';

/** What every class of the hybrid store works with. */
export interface HybridSides {
  readonly hot: HotSide;
  readonly durable: DurableSide;
  readonly trust: HotTrust;
  /** Top-level keys of the session data that the durable side holds as well. */
  readonly durableKeys: readonly string[];
  readonly logger: SessionLogger;
}

/** For `catch`, where a side may be away without harm. Any other error is thrown again. */
export function ignoreOutage(error: unknown): void {
  if (!isUnavailable(error)) throw error;
}
