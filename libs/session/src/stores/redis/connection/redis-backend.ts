import type { SessionLogger } from '../../../core/support/logger.js';
import { logConnection } from './connection-log.js';
import { createMark, FloorLease, type FloorField, type RaisedFloor } from './floor-lease.js';
import { bindCommand, listMasters, type RedisClient, type RedisCommand } from './redis-client.js';
import type { RedisConnection } from './redis-connection.js';
import { unavailable } from './redis-errors.js';
import { ScriptRunner, type ScriptName } from './script-runner.js';
import { ServerClock } from './server-clock.js';

/** After these another server may be the one that answers. */
const CHANGE_OF_SERVER = ['ready', '+node', '-node'];

/** A script with a deadline among its arguments. */
export interface FencedScript {
  readonly name: ScriptName;
  readonly key: string;
  readonly argsFor: (notAfter: string) => readonly string[];
  readonly onLate?: (reply: readonly string[]) => void;
}

/** One connected client: the few kinds of command that the stores send, and the servers' time. */
export class RedisBackend {
  readonly clock: ServerClock;
  readonly client: RedisClient;
  private readonly hmget: RedisCommand;
  private readonly hdel: RedisCommand;
  private readonly hkeys: RedisCommand;
  private readonly hget: RedisCommand;
  readonly floor: FloorLease;
  private readonly info: RedisCommand;
  private readonly send: RedisCommand;
  private readonly scripts: ScriptRunner;
  private readonly stopLog: () => void;
  private readonly raiseFloorScript: (
    ...args: [value: string, isInstant: string, notAfter: string, mark: string]
  ) => Promise<string[]>;
  private readonly onChangeOfServer = () => this.clock.forget();

  constructor(
    private readonly connection: RedisConnection,
    { logger, floorKey, floorField }: { logger: SessionLogger; floorKey: string; floorField: FloorField },
  ) {
    this.client = connection.client;
    this.hmget = bindCommand(this.client, 'hmget');
    this.hdel = bindCommand(this.client, 'hdel');
    this.hkeys = bindCommand(this.client, 'hkeys');
    this.hget = bindCommand(this.client, 'hget');
    this.info = bindCommand(this.client, 'info');
    this.send = bindCommand(this.client, 'publish');
    this.scripts = new ScriptRunner(this.client);
    this.clock = new ServerClock(() => listMasters(this.client).map(bindTime));
    const raise: typeof this.raiseFloorScript = (...args) =>
      this.scripts.run('raiseFloor', floorKey, [floorField, ...args, '0']);
    this.raiseFloorScript = raise;
    this.floor = new FloorLease({
      read: async () => {
        this.assertConnected();
        const value = Number((await this.hget(floorKey, floorField)) ?? 0);
        if (!Number.isFinite(value)) throw new TypeError(`${floorKey} holds no number`);
        return value;
      },
      restore: async (value, mark = '') => void (await raise(String(value), '', '', mark)),
      hasMark: async (mark) => {
        this.assertConnected();
        const marks = await this.hget(floorKey, `${floorField}:marks`);
        return typeof marks === 'string' && marks.split(',').includes(mark);
      },
    });
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

  /** Names of all fields of a hash. */
  async listFields(key: string): Promise<string[]> {
    this.assertConnected();
    const reply = await this.hkeys(key);
    if (!Array.isArray(reply)) throw new TypeError('HKEYS did not answer with an array');
    return reply.map(String);
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

  async publish(channel: string, message: string): Promise<void> {
    this.assertConnected();
    await this.send(channel, message);
  }

  /** With the floor as one more argument, so that it decides by what has ended everywhere. */
  async runScript(name: ScriptName, key: string, args: readonly string[]): Promise<string[]> {
    this.assertConnected();
    const floor = await this.floor.current();
    this.assertConnected();
    return this.scripts.run(name, key, [...args, String(floor)]);
  }

  /**
   * Writes the floor, which others then learn.
   *
   * @param floor.instantMs - Unix ms of the server, at most its now, which is the default.
   * @returns The value asked for; a higher one may stand.
   */
  async raiseFloor(floor: { instantMs?: number } | { epoch: number }, deadlineAtMs: number): Promise<RaisedFloor> {
    const [given, isInstant] = 'epoch' in floor ? [floor.epoch, ''] : [floor.instantMs ?? '', '1'];
    const mark = createMark();
    const [, value] = await this.runFenced(deadlineAtMs, {
      run: (notAfter) => this.raiseFloorScript(String(given), isInstant, notAfter, mark),
    });
    return { value: Number(value), mark };
  }

  /**
   * Runs a script that answers `late, now` instead of acting once the deadline has passed by its server's clock. If it
   * has not passed by ours, that clock was set, or in a Cluster is ahead of another master's: the script is sent once
   * more, with the deadline by the time that this very server told.
   *
   * @param script.argsFor - The arguments, with the last full ms of server time before the deadline.
   * @param script.onLate - Told the late answer of a script that did something all the same.
   * @throws {SessionStoreUnavailableError} It was late, and so was the second one if there was time for it.
   */
  runBefore(deadlineAtMs: number, { name, key, argsFor, onLate }: FencedScript): Promise<string[]> {
    const run = (notAfter: string) => this.runScript(name, key, argsFor(notAfter));
    return this.runFenced(deadlineAtMs, { run, onLate });
  }

  private async runFenced(
    deadlineAtMs: number,
    { run, onLate }: { run: (notAfter: string) => Promise<string[]>; onLate?: FencedScript['onLate'] },
  ): Promise<string[]> {
    this.assertConnected();
    let notAfterMs = await this.clock.earliestMsAt(deadlineAtMs);
    for (const isLast of [false, true]) {
      const reply = await run(String(Math.floor(notAfterMs) - 1));
      const answeredAtMs = performance.now();
      if (reply[0] !== 'late') return reply;
      this.clock.distrust();
      if (isLast || answeredAtMs >= deadlineAtMs) break;
      onLate?.(reply);
      notAfterMs = Number(reply[1]) + deadlineAtMs - answeredAtMs;
    }
    throw unavailable('the command reached the server too late, so it did nothing');
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
