import type { SessionLogger } from '../../../core/support/logger.js';
import { hasReplyCode } from '../connection/redis-errors.js';

const MAX_WARNINGS = 100;

/** Keys below the store's prefix that hold another type, written by something else. Logged once per key. */
export class ForeignKeys {
  private readonly warned = new Set<string>();

  constructor(private readonly logger: SessionLogger) {}

  /** Rethrows a command's error, unless it is that the key holds another type. */
  skip(error: unknown, key: string): undefined {
    if (!hasReplyCode(error, 'WRONGTYPE')) throw error;
    if (this.warned.has(key) || this.warned.size >= MAX_WARNINGS) return;
    this.warned.add(key);
    this.logger.warn(
      `the key ${key} holds no hash (WRONGTYPE), so another program writes to it. Its sessions count as absent and none ` +
        'can be created there. Delete the key, or give the store its own keyPrefix',
    );
  }
}
