import type { SessionLogger } from '../../../core/support/logger.js';
import type { DeadlineGate } from '../connection/deadline-gate.js';
import type { FencedScript } from '../connection/fenced-script.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import type { ScriptName } from '../connection/script-runner.js';
import { ForeignKeys } from '../schema/foreign-keys.js';
import type { SessionKeys } from '../schema/session-keys.js';

/**
 * The hashes of sessions behind one connected client: what every operation works with. Each operation is one command,
 * without a deadline of its own; its file says what is sent and what the reply means.
 *
 * `deadlineAtMs` is monotonic time; a script that runs later does nothing, unless it ends sessions: that it still does,
 * to those that existed before.
 *
 * Every command here answers `undefined` for a key of another type, which holds no session and is no outage either.
 */
export class SessionHashes {
  private readonly foreign: ForeignKeys;

  constructor(
    readonly backend: RedisBackend,
    readonly keys: SessionKeys,
    readonly logger: SessionLogger,
  ) {
    this.foreign = new ForeignKeys(logger);
  }

  /** Record and activity as they are stored, `null` for what is not there. */
  async readFields(id: string): Promise<(string | null)[] | undefined> {
    const key = this.keys.of(id);
    try {
      return await this.backend.readFields(key, id, `${id}:t`);
    } catch (error) {
      return this.foreign.skip(error, key);
    }
  }

  async removeFields(key: string, fields: readonly string[]): Promise<void> {
    try {
      await this.backend.removeFields(key, fields);
    } catch (error) {
      this.foreign.skip(error, key);
    }
  }

  async runScript(name: ScriptName, key: string, args: readonly string[]): Promise<string[] | undefined> {
    try {
      return await this.backend.runScript(name, key, args);
    } catch (error) {
      return this.foreign.skip(error, key);
    }
  }

  async runBefore(deadlineAtMs: number, script: FencedScript): Promise<string[] | undefined> {
    try {
      return await this.backend.runBefore(deadlineAtMs, script);
    } catch (error) {
      return this.foreign.skip(error, script.key);
    }
  }
}

/** What an operation of several steps works with, each of which has a deadline of its own. */
export interface OperationParts {
  readonly hashes: SessionHashes;
  readonly gate: DeadlineGate;
  /** Aborted when the store stops. */
  readonly signal: AbortSignal;
}
