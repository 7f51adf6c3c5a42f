import type { SessionLogger } from '../../../core/support/logger.js';
import type { DeadlineGate } from '../connection/deadline-gate.js';
import type { FencedScript } from '../connection/fenced-script.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import type { ScriptName } from '../connection/script-runner.js';
import { ForeignKeys } from '../schema/foreign-keys.js';
import type { SessionKeys } from '../schema/session-keys.js';

/**
 * The hashes of sessions behind one connected client. Every operation works with them; its file says what it sends and
 * how it reads the reply.
 *
 * Commands here resolve to `undefined` for a key of another type: it holds no session, and it is no outage.
 *
 * `deadlineAtMs` is monotonic time. A script that runs later does nothing, unless it ends sessions: then it still ends
 * those that began before.
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

  /** Reads record and activity as they are stored, `null` for a missing field. */
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

/** For operations of several steps, each with its own deadline. */
export interface OperationParts {
  readonly hashes: SessionHashes;
  readonly gate: DeadlineGate;
  /** Aborted when the store stops. */
  readonly signal: AbortSignal;
}
