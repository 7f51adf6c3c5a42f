import type { SessionLogger } from '../../../core/support/logger.js';
import { hasReplyCode } from '../connection/redis-errors.js';

const MAX_WARNINGS = 100;

/** Somebody else's string or list under one of our keys: that is no session, and no outage either. Said once per key. */
export class ForeignKeys {
  private readonly warned = new Set<string>();

  constructor(private readonly logger: SessionLogger) {}

  /** Throws the error of a command again, unless it says that the key holds something of another type. */
  skip(error: unknown, key: string): undefined {
    if (!hasReplyCode(error, 'WRONGTYPE')) throw error;
    if (this.warned.has(key) || this.warned.size >= MAX_WARNINGS) return;
    this.warned.add(key);
    this.logger.warn(
      `the key ${key} holds no hash (WRONGTYPE): somebody else writes to it. Sessions there count as absent and none can ` +
        'be created; delete the key, or give the store a keyPrefix of its own',
    );
  }
}
