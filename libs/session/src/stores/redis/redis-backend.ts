import type { SessionLogger } from '../../core/session-store.js';
import { logConnection } from './connection-log.js';
import { bindCommand, listMasters, type RedisClient, type RedisCommand } from './redis-client.js';
import type { RedisConnection } from './redis-connection.js';
import { unavailable } from './redis-errors.js';
import { ScriptRunner, type ScriptName } from './script-runner.js';
import { ServerClock } from './server-clock.js';

/** After these another server may be the one that answers. */
const CHANGE_OF_SERVER = ['ready', '+node', '-node'];

/** One connected client: the few kinds of command that the stores send, and the servers' time. */
export class RedisBackend {
  readonly clock: ServerClock;
  readonly client: RedisClient;
  private readonly hmget: RedisCommand;
  private readonly hdel: RedisCommand;
  private readonly info: RedisCommand;
  private readonly scripts: ScriptRunner;
  private readonly stopLog: () => void;
  private readonly onChangeOfServer = () => this.clock.forget();

  constructor(
    private readonly connection: RedisConnection,
    logger: SessionLogger,
  ) {
    this.client = connection.client;
    this.hmget = bindCommand(this.client, 'hmget');
    this.hdel = bindCommand(this.client, 'hdel');
    this.info = bindCommand(this.client, 'info');
    this.scripts = new ScriptRunner(this.client);
    this.clock = new ServerClock(() => listMasters(this.client).map(bindTime));
    for (const event of CHANGE_OF_SERVER) this.client.on(event, this.onChangeOfServer);
    this.stopLog = connection.isOwned ? logConnection(connection, logger) : () => undefined;
    this.clock.start();
  }

  /** Values of hash fields, `null` for those that are not there. */
  async readFields(key: string, ...fields: string[]): Promise<(string | null)[]> {
    this.assertConnected();
    const reply = await this.hmget(key, ...fields);
    if (!Array.isArray(reply)) throw new TypeError('HMGET did not answer with an array');
    return reply.map((value: unknown) => (typeof value === 'string' ? value : null));
  }

  /** Removes hash fields, whether or not they are there. */
  async removeFields(key: string, fields: readonly string[]): Promise<void> {
    this.assertConnected();
    await this.hdel(key, ...fields);
  }

  /** One section of what a server says about itself; in a Cluster any node's. */
  async readInfo(section: string): Promise<string> {
    this.assertConnected();
    return String(await this.info(section));
  }

  async runScript(name: ScriptName, key: string, args: readonly string[]): Promise<string[]> {
    this.assertConnected();
    return this.scripts.run(name, key, args);
  }

  /** A monotonic deadline as the last full ms of server time before it: from the next one on a script may not act. */
  async encodeDeadline(deadlineAtMs: number): Promise<string> {
    this.assertConnected();
    return String(Math.floor(await this.clock.earliestMsAt(deadlineAtMs)) - 1);
  }

  close(): void {
    this.clock.stop();
    this.stopLog();
    for (const event of CHANGE_OF_SERVER) this.client.off(event, this.onChangeOfServer);
    this.connection.close();
  }

  /** A client that is not ready would queue the command or refuse it: better to fail at once. */
  assertConnected(): void {
    const { status } = this.client;
    if (status !== 'ready') throw unavailable(`not connected to ${this.connection.address} (${status})`);
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
