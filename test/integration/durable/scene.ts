import assert from 'node:assert/strict';
import type { NewSession } from 'nest-sessions/store';
import type { PostgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable-sessions.js';
import { aNewSession } from 'nest-sessions/testing';
import { DurableWorld, type DurableSide } from './world.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

export const IDLE_MS = 30 * MINUTE_MS;
export const BY_HAND = { reason: 'revoked', endedBy: 'ada' } as const;

/** A world with one durable side that keeps touches until it is flushed. */
export class DurableScene {
  private constructor(
    readonly world: DurableWorld,
    readonly durable: PostgresDurableSessions,
  ) {}

  static async open(): Promise<DurableScene> {
    const world = await DurableWorld.open();
    const { durable } = await world.openSide({ touchFlushInterval: '10m' });
    return new DurableScene(world, durable);
  }

  async begin(overrides: Partial<NewSession> = {}): Promise<NewSession> {
    const session = aNewSession({ userId: 'ada', idleTimeoutMs: IDLE_MS, ...overrides });
    assert((await this.durable.create(session)).created);
    return session;
  }

  /** A session that has expired, and a touch from before that is still to be written. */
  async expireBehindTouch(overrides: Partial<NewSession> = {}) {
    const session = await this.begin(overrides);
    await this.world.letExpireIn(session.id, 150);
    const touched = touch(this.durable, session.id);
    await this.world.waitUntilExpired(session.id);
    assert.deepEqual(await this.durable.find(session.id), { live: false, reason: 'expired' });
    return { session, touched };
  }

  async isLive(id: string): Promise<boolean> {
    return (await this.durable.find(id)).live;
  }

  /** Reason and actor of every end in the audit log. */
  async listEnds(id: string): Promise<unknown[]> {
    const rows = await this.world.query<{ reason: string; actor: string | null }>(
      `select reason, actor from session_audit where session_id = $1 and event = 'session.ended'`,
      [id],
    );
    return rows.map(({ reason, actor }) => [reason, actor]);
  }

  close(): Promise<void> {
    return this.world.close();
  }
}

export function touch(side: PostgresDurableSessions, id: string, touchIntervalMs = 0): Promise<boolean> {
  const touched = side.touch({ id, idleTimeoutMs: IDLE_MS, touchIntervalMs });
  // Whoever waits for it may do so after it failed.
  touched.catch(() => undefined);
  return touched;
}

/** Takes one connection of the side's pool, until the function that it returns is called. */
export async function holdConnection({ dataSource }: DurableSide): Promise<() => Promise<void>> {
  const holder = dataSource.createQueryRunner();
  await holder.connect();
  return () => holder.release();
}
