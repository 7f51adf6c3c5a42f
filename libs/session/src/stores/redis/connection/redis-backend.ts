import type { SessionLogger } from '../../../core/support/logger.js';
import { logConnection } from './connection-log.js';
import { CutoffCommands, type NewCutoff } from './cutoff-commands.js';
import { createMark, CutoffLease, type CutoffField, type RaisedCutoff } from './cutoff-lease.js';
import { runFenced, type FencedScript } from './fenced-script.js';
import { bindCommand, listMasters, type RedisClient, type RedisCommand } from './redis-client.js';
import { assertConnected, type RedisConnection } from './redis-connection.js';
import { ScriptRunner, type ScriptName } from './script-runner.js';
import { ServerClock } from './server-clock.js';

/** After these events another server may answer. */
const CHANGE_OF_SERVER = ['ready', '+node', '-node'];

export interface RedisBackendSettings {
  readonly logger: SessionLogger;
  /** Where the cutoff of all instances is stored. */
  readonly cutoff: { readonly key: string; readonly field: CutoffField };
}

/**
 * One connected client: the few commands that the stores send, the servers' time, and the cutoff. Every command fails
 * at once while the client is not ready: it would queue or reject it.
 */
export class RedisBackend {
  readonly client: RedisClient;
  readonly clock: ServerClock;
  readonly cutoff: CutoffLease;
  private readonly hmget: RedisCommand;
  private readonly hdel: RedisCommand;
  private readonly hkeys: RedisCommand;
  private readonly info: RedisCommand;
  private readonly send: RedisCommand;
  private readonly scripts: ScriptRunner;
  private readonly cutoffCommands: CutoffCommands;
  private readonly stopLog: () => void;
  private readonly onChangeOfServer = () => this.clock.forget();

  constructor(
    private readonly connection: RedisConnection,
    { logger, cutoff }: RedisBackendSettings,
  ) {
    const { client } = connection;
    this.client = client;
    this.hmget = bindCommand(client, 'hmget');
    this.hdel = bindCommand(client, 'hdel');
    this.hkeys = bindCommand(client, 'hkeys');
    this.info = bindCommand(client, 'info');
    this.send = bindCommand(client, 'publish');
    this.scripts = new ScriptRunner(client);
    this.clock = new ServerClock(() => listMasters(client).map(bindTime));
    this.cutoffCommands = new CutoffCommands(connection, this.scripts, cutoff);
    this.cutoff = new CutoffLease(this.cutoffCommands);
    for (const event of CHANGE_OF_SERVER) client.on(event, this.onChangeOfServer);
    this.stopLog = connection.isOwned ? logConnection(connection, logger) : () => undefined;
    this.clock.start();
  }

  /** Reads values of hash fields, `null` for a missing one. */
  async readFields(key: string, ...fields: string[]): Promise<(string | null)[]> {
    this.assertConnected();
    const reply = await this.hmget(key, ...fields);
    if (!Array.isArray(reply)) throw new TypeError('HMGET did not answer with an array');
    return reply as (string | null)[];
  }

  /** Lists the names of all fields of a hash. */
  async listFields(key: string): Promise<string[]> {
    this.assertConnected();
    const reply = await this.hkeys(key);
    if (!Array.isArray(reply)) throw new TypeError('HKEYS did not answer with an array');
    return reply.map(String);
  }

  /** Removes hash fields, whether or not they exist. */
  async removeFields(key: string, fields: readonly string[]): Promise<void> {
    this.assertConnected();
    await this.hdel(key, ...fields);
  }

  /** Reads one section of INFO, in a Cluster from any node. */
  async readInfo(section: string): Promise<string> {
    this.assertConnected();
    return String(await this.info(section));
  }

  async publish(channel: string, message: string): Promise<void> {
    this.assertConnected();
    await this.send(channel, message);
  }

  /** Runs a script with the cutoff as its last argument, so that sessions before it are not live. */
  async runScript(name: ScriptName, key: string, args: readonly string[]): Promise<string[]> {
    this.assertConnected();
    const cutoff = await this.cutoff.current();
    this.assertConnected();
    return this.scripts.run(name, key, [...args, String(cutoff)]);
  }

  /** Runs a script that does nothing, or less, after the deadline. See `runFenced`. */
  async runBefore(deadlineAtMs: number, { name, key, argsFor, onLate }: FencedScript): Promise<string[]> {
    this.assertConnected();
    const run = (notAfter: string) => this.runScript(name, key, argsFor(notAfter));
    return runFenced(this.clock, { run, onLate }, deadlineAtMs);
  }

  /**
   * Raises the cutoff. Other instances read it within a second.
   *
   * @returns The value asked for; a higher one may be stored.
   */
  async raiseCutoff(cutoff: NewCutoff, deadlineAtMs: number): Promise<RaisedCutoff> {
    this.assertConnected();
    const mark = createMark();
    const run = (notAfter: string) => this.cutoffCommands.raise(cutoff, { notAfter, mark });
    const [, value] = await runFenced(this.clock, { run }, deadlineAtMs);
    return { value: Number(value), mark };
  }

  close(): void {
    this.clock.stop();
    this.stopLog();
    for (const event of CHANGE_OF_SERVER) this.client.off(event, this.onChangeOfServer);
    this.connection.close();
  }

  assertConnected(): void {
    assertConnected(this.connection);
  }
}

function bindTime(client: RedisClient) {
  const time = bindCommand(client, 'time');
  return async () => {
    const reply = await time();
    const [seconds, microseconds] = Array.isArray(reply) ? reply.map(Number) : [];
    if (seconds === undefined || microseconds === undefined)
      throw new TypeError('TIME did not answer with two numbers');
    return seconds * 1000 + Math.floor(microseconds / 1000);
  };
}
