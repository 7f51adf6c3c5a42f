import { RevocationIncompleteError } from '#src/core/session/session-errors.js';
import type { HybridSessionStore } from '#src/stores/hybrid/store/hybrid-session.store.js';
import type { Known } from './ledger.js';
import { ISSUER, PROVIDER_SESSIONS, USERS, type Covered, type Operation } from './operation.js';
import type { World } from './world.js';

const BY_NOBODY = { endedBy: null } as const;

interface Target {
  readonly store: HybridSessionStore;
  readonly id: string;
  readonly userId: string;
}

/** The operations of the port that end sessions. Those that end many are rarer. */
export function endingOperations(world: World, covered: Covered, target: Target): Operation[] {
  const { random } = world;
  const operations: Operation[] = [() => revoke(world, target)];
  if (random.chance(0.3)) operations.push(() => revokeAll(world, target));
  if (random.chance(0.3)) operations.push(() => revokeByProvider(world, covered, target.store));
  if (random.chance(0.5)) operations.push(() => revokeEverything(world, covered, target));
  if (random.chance(0.3)) operations.push(async () => void (await target.store.cleanUp({ batchSize: 1 })));
  return operations;
}

async function revoke(world: World, { store, id }: Target): Promise<void> {
  const { random, ledger } = world;
  const owner = random.chance(0.3) ? random.pick(USERS) : undefined;
  const names = (session: Known) => session.id === id && (owner === undefined || owner === session.userId);
  await end(world, names, () => store.revoke({ id, userId: owner, reason: 'revoked', ...BY_NOBODY }));
  ledger.revoked(ledger.idsWhere(names));
}

async function revokeAll(world: World, { store, userId }: Target): Promise<void> {
  const { random, ledger } = world;
  const exceptId = random.chance(0.5) ? ledger.pickKnown(random) : undefined;
  const names = (session: Known) => session.userId === userId && session.id !== exceptId;
  const before = ledger.idsWhere(names);
  await end(world, names, () => store.revokeAll({ userId, exceptId, reason: 'revoked', ...BY_NOBODY }));
  ledger.revoked(before);
}

async function revokeByProvider(world: World, covered: Covered, store: HybridSessionStore): Promise<void> {
  const { random, ledger } = world;
  const sessionId = random.pick(PROVIDER_SESSIONS);
  const userId = random.chance(0.3) ? random.pick(USERS) : undefined;
  const isOfUser = (session: Known) => userId === undefined || session.userId === userId;
  const restsOnIt = (session: Known) => session.provider === sessionId && isOfUser(session);
  const before = ledger.idsWhere(restsOnIt);
  // A step-up may tie any session of the user to the provider's session meanwhile.
  const revocation = { issuer: ISSUER, sessionId, userId, reason: 'idp-logout', ...BY_NOBODY } as const;
  await end(world, isOfUser, () => store.revokeByIdentityProvider(revocation));
  // A session that a step-up has tied to another one meanwhile survived, or ended before that.
  const after = new Set(ledger.idsWhere(restsOnIt));
  ledger.revoked(before.filter((id) => after.has(id)));
  covered.byProvider += before.length;
}

async function revokeEverything(world: World, covered: Covered, { store, id }: Target): Promise<void> {
  const { random, ledger } = world;
  const beforeMs = random.chance(0.3) ? ledger.find(id).createdAtMs : undefined;
  const names = ({ createdAtMs }: Known) => beforeMs === undefined || createdAtMs < beforeMs;
  const known = ledger.idsWhere(names);
  const before = beforeMs === undefined ? undefined : new Date(beforeMs);
  await end(world, names, () => store.revokeEverything({ before, reason: 'admin', ...BY_NOBODY }));
  ledger.revoked(known);
  world.everythingEnded();
  covered.everything += 1;
}

async function end(world: World, names: (session: Known) => boolean, call: () => Promise<unknown>): Promise<void> {
  const settle = world.ledger.ending(names);
  const answered = await call().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  // A revocation kept until Postgres is back may end a little too much: sessions that begin until a sweep lists it.
  const isKept = answered?.error instanceof RevocationIncompleteError && answered.error.pending.includes('postgres');
  if (!isKept) settle();
  if (answered) throw answered.error;
}
