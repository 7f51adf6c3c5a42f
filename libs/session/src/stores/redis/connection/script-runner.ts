import { bindCommand, type RedisClient, type RedisCommand } from './redis-client.js';
import { hasReplyCode } from './redis-errors.js';
import { SCRIPTS } from './scripts.generated.js';

export type ScriptName = keyof typeof SCRIPTS;

/**
 * Runs the store's scripts by digest. A server that does not know a script, after a restart, a fail-over or SCRIPT
 * FLUSH, gets the source. No command is defined on the client, so no names can collide.
 */
export class ScriptRunner {
  private readonly evalsha: RedisCommand;
  private readonly eval: RedisCommand;

  constructor(client: RedisClient) {
    this.evalsha = bindCommand(client, 'evalsha');
    this.eval = bindCommand(client, 'eval');
  }

  /** @returns The reply as one flat array of texts, whatever the protocol and the client's reply mapping. */
  async run(name: ScriptName, key: string, args: readonly string[]): Promise<string[]> {
    const { sha1, source } = SCRIPTS[name];
    const reply = await this.evalsha(sha1, '1', key, ...args).catch((error: unknown) => {
      if (!hasReplyCode(error, 'NOSCRIPT')) throw error;
      return this.eval(source, '1', key, ...args);
    });
    if (!Array.isArray(reply)) throw new TypeError(`script ${name} did not answer with an array`);
    return reply.map(String);
  }
}
