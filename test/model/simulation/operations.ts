import assert from 'node:assert/strict';
import { createSessionId } from '#src/core/session/session-id.js';
import type { RenewedAuthentication, SessionRotation } from '#src/core/ports/session-store.js';
import type { HybridSessionStore } from '#src/stores/hybrid/store/hybrid-session.store.js';
import { endingOperations } from './ending-operations.js';
import {
  DURABLE_KEY,
  newHash,
  PROVIDER_SESSIONS,
  providerSession,
  USERS,
  type Covered,
  type Operation,
} from './operation.js';
import type { World } from './world.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

const NO_AUTHENTICATION = { amr: [], assuranceLevel: null, awaitsSecondFactor: false, identityProvider: null };

/** Picks one of the operations of the port at random. Its outcome is checked against the ledger. */
export function pickOperation(world: World, covered: Covered): Operation {
  const { random, ledger } = world;
  const index = random.below(world.instances.length);
  const instance = world.instances[index];
  assert(instance);
  const { store, sweeper } = instance;
  const promised = random.chance(0.5) ? ledger.takePromised(random) : undefined;
  if (promised !== undefined) return () => find(world, covered, { store, id: promised });
  const id = ledger.pickKnown(random);
  const userId = random.pick(USERS);
  const operations: Operation[] = [() => create(world, { store, userId }), () => list(world, { store, userId })];
  if (id) {
    const findIt = () => find(world, covered, { store, id });
    const updateIt = () => update(world, { store, id });
    operations.push(findIt, findIt, findIt, findIt);
    operations.push(
      () => rotate(world, covered, { store, id }),
      updateIt,
      updateIt,
      updateIt,
      () => touch(store, id),
      () => sweeper.sweep(),
      () => reconcile(covered, { store, userId: random.chance(0.3) ? userId : undefined }),
      ...endingOperations(world, covered, { store, id, userId }),
    );
    if (random.chance(0.3)) operations.push(() => world.replaceInstance(index));
  }
  return random.pick(operations);
}

interface OfSession {
  readonly store: HybridSessionStore;
  readonly id: string;
}

async function create(world: World, { store, userId }: { store: HybridSessionStore; userId: string }): Promise<void> {
  const { random, ledger } = world;
  const id = createSessionId(userId, world.nextSerial());
  const tokenHash = newHash(world);
  const provider = random.chance(0.5) ? random.pick(PROVIDER_SESSIONS) : null;
  const onLimit = random.chance(0.7) ? 'revoke-oldest' : 'reject';
  const limit = random.chance(0.3) ? ({ max: 3, onLimit } as const) : undefined;
  const replaces = random.chance(0.1) ? ledger.pickKnown(random) : undefined;
  const isEvicting = limit?.onLimit === 'revoke-oldest';
  const settled = ledger.ending((other) => other.id === replaces || (isEvicting && other.userId === userId));
  const acknowledge = ledger.creating();
  const durable = random.chance(0.5) ? { [DURABLE_KEY]: world.nextSerial() } : {};
  const created = await store
    .create({
      id,
      userId,
      tokenHash,
      data: { ...(random.chance(0.5) && { born: id }), ...durable },
      ...NO_AUTHENTICATION,
      identityProvider: provider === null ? null : providerSession(provider),
      ipAddress: null,
      userAgent: null,
      device: null,
      idleTimeoutMs: HOUR_MS,
      absoluteTimeoutMs: HOUR_MS,
      limit,
      replaces,
    })
    .finally(settled);
  if (!created.created) {
    assert.equal(created.reason, 'limit');
    assert.equal(onLimit, 'reject');
    return;
  }
  acknowledge({ id, userId, tokenHash, provider, createdAtMs: created.record.createdAt.getTime() });
  ledger.told(id, durable);
}

async function find(world: World, covered: Covered, { store, id }: OfSession): Promise<void> {
  const began = world.ledger.began();
  const found = await store.find(id);
  if (!found.live) return;
  covered.accepted += 1;
  began.assertMayBeAccepted(found.record);
}

/** A rotation, the renewal or a rehash of periodic rotation, a step-up, a change of credentials: alone or together. */
async function rotate(world: World, covered: Covered, { store, id }: OfSession): Promise<void> {
  const { random, ledger } = world;
  const known = ledger.find(id);
  const from = known.tokenHash;
  const to = newHash(world);
  const cause = random.pick(['rotation', 'rotation', 'renewal', 'rehash'] as const);
  const provider = random.pick(PROVIDER_SESSIONS);
  const mark = `proved-${world.nextSerial()}`;
  const authentication = cause === 'rotation' && random.chance(0.3) ? proofOf(provider, mark) : undefined;
  const reason = { reason: 'credential-change', endedBy: null } as const;
  const endOthers = cause === 'rotation' && random.chance(0.3) ? reason : undefined;
  const isOther = (other: { id: string; userId: string }) => other.userId === known.userId && other.id !== id;
  const others = endOthers ? ledger.idsWhere(isOther) : [];
  const rotation: SessionRotation = { id, expectedTokenHash: from, tokenHash: to, cause, authentication, endOthers };
  const settled = endOthers ? ledger.ending(isOther) : () => undefined;
  if (authentication) ledger.steppingUp(id, { from, mark });
  const rotated = await store.rotate(rotation).finally(settled);
  if (!rotated.applied) return;
  ledger.rotated(id, { from, to });
  if (authentication) known.provider = provider;
  ledger.revoked(others);
  covered.rotations[cause] += 1;
}

function proofOf(provider: string, mark: string): RenewedAuthentication {
  const identityProvider = providerSession(provider);
  const timeouts = { idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS };
  return { ...NO_AUTHENTICATION, amr: [mark], identityProvider, ...timeouts };
}

async function update(world: World, { store, id }: OfSession): Promise<void> {
  const key = `key${world.nextSerial()}`;
  const found = await store.find(id);
  if (!found.live) return;
  const began = world.ledger.began();
  // The state whose return is the most likely to be missed.
  if (world.random.chance(0.3)) world.redis.replicate();
  const durable = world.random.chance(0.5) ? { [DURABLE_KEY]: world.nextSerial() } : {};
  const data = { ...found.record.data, [key]: true, ...durable };
  const updated = await store.update({ id, expectedVersion: found.record.version, data });
  if (updated.applied) began.updated(id, { key, durable });
}

async function touch(store: HybridSessionStore, id: string): Promise<void> {
  await store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
}

async function reconcile(
  covered: Covered,
  { store, userId }: { store: HybridSessionStore; userId: string | undefined },
): Promise<void> {
  const { checked, ghosts, stale } = await store.reconcile(userId === undefined ? {} : { userId });
  assert(checked >= ghosts + stale);
  covered.ghosts += ghosts;
  covered.stale += stale;
}

async function list(world: World, { store, userId }: { store: HybridSessionStore; userId: string }): Promise<void> {
  const began = world.ledger.began();
  const { records } = await store.listByUser({ userId });
  const liveNow = new Set(world.durable.liveIds(userId));
  const ids = records.map(({ id }) => id);
  began.assertList(userId, ids, liveNow);
}
