import assert from 'node:assert/strict';
import type { SessionService } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { StoreWorld } from '#src/testing/world/store-world.js';
import { setUpService, type ServiceSetUp } from '../../contract/harnesses/service-setup.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

export interface RenewalServices {
  /** Renews every token that is older than a millisecond; the grace of what it promotes is an hour. */
  readonly eager: ServiceSetUp;
  /** Renews nothing that a test could live to see; grace as `eager`. */
  readonly patient: ServiceSetUp;
  /** As `patient`, with a grace of a millisecond. */
  readonly strict: ServiceSetUp;
}

/** Services of one store that differ in how soon they renew: so a test decides when that happens, not the time it takes. */
export function setUpRenewal(store: SessionStore, { tokenKeys }: { tokenKeys?: string[] } = {}): RenewalServices {
  const setUp = (rotateEveryMs: number, rotationGraceMs: number) =>
    setUpService(store, { rotateEveryMs, rotationGraceMs, tokenKeys, touchIntervalMs: HOUR_MS });
  return { eager: setUp(1, HOUR_MS), patient: setUp(9 * HOUR_MS, HOUR_MS), strict: setUp(9 * HOUR_MS, 1) };
}

/** A new session whose token is old enough for `eager`. */
export async function createDue(world: StoreWorld, { service }: ServiceSetUp) {
  const { session, token } = await service.create({ userId: world.newUserId() });
  await world.waitUntilPast(session.createdAt);
  return { session, id: session.id, first: token };
}

/** The token that a live answer tells the client to use. */
export async function getRenewed(service: SessionService, token: string): Promise<string> {
  const outcome = await service.authenticate(token);
  assert(outcome.outcome === 'live', `absent: ${JSON.stringify(outcome)}`);
  assert(outcome.token, 'no other token was given');
  return outcome.token;
}

/** A session whose first token has been followed by a second, promoted by `promoter` and past its millisecond. */
export async function createFollowed(
  world: StoreWorld,
  { eager, promoter }: { eager: ServiceSetUp; promoter: ServiceSetUp },
) {
  const { id, session, first } = await createDue(world, eager);
  const second = await getRenewed(eager.service, first);
  const promoted = await promoter.service.authenticate(second);
  assert(promoted.outcome === 'live' && promoted.token === undefined);
  await world.waitUntilPast(promoted.session.checkedAt);
  return { id, session, first, second };
}
