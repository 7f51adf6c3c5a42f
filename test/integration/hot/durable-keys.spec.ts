import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Command, Redis } from 'ioredis';
import { createHash } from 'node:crypto';
import type { HotSessions } from '#src/core/ports/hot-sessions.js';
import type { LiveSession } from '#src/core/session/session-record.js';
import { SCRIPTS } from '#src/stores/redis/connection/scripts.generated.js';
import { aLiveSession, confirm, useHotWorld } from './world.js';

const PROMOTE = createHash('sha1').update(SCRIPTS.hotPromote.source).digest('hex');
const OTHER_SERVER = 'e'.repeat(40);
const OLDER = { note: 'a', draft: 1, visits: 1 };
const KNOWN = { note: 'b', tenant: 7 };
const MERGED = { note: 'b', visits: 1 };

describe('hot copies that are behind in durable keys', () => {
  const { world } = useHotWorld();
  let redis: Redis;
  let client: Redis;
  let hot: HotSessions;
  let other: HotSessions;

  beforeEach(async () => {
    redis = world.client();
    client = world.client();
    [hot, other] = await Promise.all([world.open({ client }), world.open()]);
  });

  /** A copy of version 1 from another server; version 3 reached the durable side. */
  const begin = async (): Promise<LiveSession> => {
    const live = aLiveSession({ data: OLDER });
    const { id } = live.record;
    await confirm(hot, live, { isNew: true });
    const value = String(await redis.hget(world.keyOf(id), id));
    await redis.hset(world.keyOf(id), id, value.replace(/\|\w{40}\n/, `|${OTHER_SERVER}\n`), `${id}:g`, OTHER_SERVER);
    return { ...live, record: { ...live.record, data: KNOWN } };
  };

  const fill = async (on: HotSessions, live: LiveSession) => {
    const durableData = { keys: ['note', 'draft'], version: 3 };
    const lease = await on.lease(live.record.id);
    return on.promote({ lease, live, data: live.record.data, durableData });
  };

  /** Runs between the script that finds the copy behind and the one that confirms it. */
  const inBetween = (meanwhile: () => Promise<unknown>) => {
    const send = client.sendCommand.bind(client);
    let promotions = 0;
    client.sendCommand = (command: Command, stream) => {
      const isPromotion = command.name === 'evalsha' && command.args[0] === PROMOTE;
      if (!isPromotion || (promotions += 1) !== 2) return send(command, stream);
      void meanwhile().then(() => send(command, stream));
      return command.promise;
    };
  };

  const changeBy = (id: string, change: (value: string) => string) => async () => {
    const value = await redis.hget(world.keyOf(id), id);
    await redis.hset(world.keyOf(id), id, change(String(value)));
  };

  it('take over those keys, and only those, under a version past all that reached the durable side', async () => {
    const live = await begin();
    const before = Date.now() * 1000;
    const promoted = await fill(hot, live);
    expect(promoted?.record).toMatchObject({ data: MERGED, tokenHash: live.record.tokenHash });
    expect(promoted?.record.version).toBeGreaterThan(before);
    expect(await other.read(live.record.id)).toMatchObject({ state: 'believed', record: { data: MERGED } });
  });

  it('are not confirmed after the lease was lost in between', async () => {
    for (const lose of ['drop', 'unconfirm'] as const) {
      const live = await begin();
      const { id } = live.record;
      inBetween(() => other[lose]([id]));
      expect(await fill(hot, live)).toBeUndefined();
      expect(await other.read(id)).toEqual({ state: 'unconfirmed' });
      expect(await redis.hexists(world.keyOf(id), id)).toBe(lose === 'drop' ? 0 : 1);
    }
  });

  it('are confirmed once by two fills at the same time', async () => {
    const live = await begin();
    let first: LiveSession | undefined;
    inBetween(async () => void (first = await fill(other, live)));
    expect(await fill(hot, live)).toBeUndefined();
    expect(first?.record.data).toEqual(MERGED);
    expect(await hot.read(live.record.id)).toMatchObject({ state: 'believed', record: first?.record });
  });

  it('keep their data when it changed after it was found behind', async () => {
    const live = await begin();
    inBetween(changeBy(live.record.id, (value) => value.replace('1|1|', '1|2|')));
    expect(await fill(hot, live)).toBeUndefined();
    const data = String(await redis.hget(world.keyOf(live.record.id), live.record.id)).split('\n', 4)[3];
    expect(data).toBe(JSON.stringify(OLDER));
  });

  it('are dropped when their data cannot be read, so that the next fill starts from the durable side', async () => {
    const live = await begin();
    await changeBy(live.record.id, (value) => value.replace('{"note"', '{note'))();
    expect(await fill(hot, live)).toBeUndefined();
    expect((await fill(hot, live))?.record.data).toEqual(KNOWN);
  });

  it('accept no update until they are confirmed, except one that was sent again', async () => {
    const live = await begin();
    const { id } = live.record;
    const change = { id, expectedVersion: 1, data: { note: 'z' } };
    expect(await hot.update(change)).toEqual({ applied: false, reason: 'absent' });
    await changeBy(id, (value) => value.replace(OTHER_SERVER, '').replace('|\n', '\n'))();
    let sent: Command | undefined;
    const send = client.sendCommand.bind(client);
    client.sendCommand = (command: Command, stream) => {
      if (command.name === 'evalsha') sent = command;
      return send(command, stream);
    };
    expect(await hot.update(change)).toMatchObject({ applied: true });
    await changeBy(id, (value) => value.replace('\n', `|${OTHER_SERVER}\n`))();
    const [sha = '', count = '', ...args] = sent?.args.map(String) ?? [];
    expect(await redis.evalsha(sha, Number(count), ...args)).toMatchObject({ 0: 'applied' });
  });
});
