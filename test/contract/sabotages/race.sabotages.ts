import type { NewSession, SessionRecord, SessionStore } from 'nest-sessions/store';
import { aNewSession } from 'nest-sessions/testing';
import { remember } from './remember.js';
import type { Sabotage } from './sabotage.js';

const oneTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Checks that are not one step with the act, and writes that ask nothing. */
export const RACE_SABOTAGES: readonly Sabotage[] = [
  {
    does: 'saves a session that was revoked meanwhile (expressjs/session#632)',
    subject: 'races',
    sabotage: (store) => {
      const { seen, find } = remember(store);
      return {
        find,
        update: async (change) => {
          const outcome = await store.update(change);
          const record = seen.get(change.id);
          if (!outcome.applied && outcome.reason === 'absent' && record) await insert(store, record);
          return outcome;
        },
      };
    },
  },
  {
    does: 'leaves half a record behind when a touch comes too late (expressjs/session#632)',
    subject: 'races',
    sabotage: (store) => ({
      touch: async (touch) => {
        const moved = await store.touch(touch);
        if (!moved) await store.create(aNewSession({ id: touch.id }));
        return moved;
      },
    }),
  },
  {
    does: 'rotates by reading and then writing the session anew',
    subject: 'races',
    sabotage: (store) => {
      const { seen, find } = remember(store);
      return {
        find,
        rotate: async (rotation) => {
          const outcome = await store.rotate(rotation);
          const record = seen.get(rotation.id);
          if (!outcome.applied && record) await insert(store, record);
          return outcome;
        },
      };
    },
  },
  {
    does: 'ends the sessions of a list read before (better-auth/better-auth#11073)',
    subject: 'races',
    sabotage: (store) => ({
      revokeAll: async ({ userId, exceptId, reason, endedBy }) => {
        const { records, now } = await store.listByUser({ userId });
        await oneTurn();
        const chosen = records.filter(({ id }) => id !== exceptId);
        await Promise.all(chosen.map(({ id }) => store.revoke({ id, reason, endedBy })));
        return chosen.map(({ id }) => ({ id, userId, endedAt: now, endReason: reason, endedBy }));
      },
    }),
  },
  {
    does: 'ends the sessions that it found before, whoever rotates them meanwhile',
    subject: 'revokeByIdentityProvider',
    sabotage: (store) => {
      const { seen, find } = remember(store);
      return {
        find,
        create: async (session) => {
          const outcome = await store.create(session);
          await find(session.id);
          return outcome;
        },
        revokeByIdentityProvider: async ({ issuer, sessionId, userId, reason, endedBy }) => {
          const chosen = [...seen.values()].filter(
            ({ identityProvider: idp }) => idp?.issuer === issuer && idp.sessionId === sessionId,
          );
          await oneTurn();
          const ended = await Promise.all(
            chosen.map(async ({ id, tokenHash }) => {
              const now = await store.find(id);
              const isSame = now.live && Buffer.compare(now.record.tokenHash, tokenHash) === 0;
              return isSame ? store.revoke({ id, userId, reason, endedBy }) : undefined;
            }),
          );
          return ended.filter((one) => one !== undefined);
        },
      };
    },
  },
  {
    does: 'writes data whatever the version is (tj/connect-redis#346)',
    subject: 'concurrent change through two session services',
    sabotage: (store) => ({
      update: async ({ id, data }) => {
        const found = await store.find(id);
        const expectedVersion = found.live ? found.record.version : 0;
        return store.update({ id, expectedVersion, data });
      },
    }),
  },
  {
    does: 'counts first and creates then (spring-projects/spring-security#12867)',
    subject: 'limits',
    sabotage: (store) => ({ create: (session) => createInTwoSteps(store, session) }),
  },
  {
    does: 'allows one session too many',
    subject: 'limits',
    sabotage: (store) => ({
      create: (session) =>
        store.create({ ...session, limit: session.limit && { ...session.limit, max: session.limit.max + 1 } }),
    }),
  },
  {
    does: 'counts the session that is replaced',
    subject: 'create that replaces',
    sabotage: (store) => ({
      create: async ({ replaces, ...session }) => {
        const outcome = await store.create(session);
        const ended = replaces && (await store.revoke({ id: replaces, reason: 'replaced', endedBy: null }));
        return outcome.created && ended ? { ...outcome, ended: [...outcome.ended, ended] } : outcome;
      },
    }),
  },
  {
    does: 'forgets to end the session that is replaced',
    subject: 'create that replaces',
    sabotage: (store) => ({ create: (session) => store.create({ ...session, replaces: undefined }) }),
  },
];

/** Brings a session into being again from what was once read of it. */
async function insert(store: SessionStore, { id, userId, tokenHash, data }: SessionRecord): Promise<void> {
  await store.create(aNewSession({ id, userId, tokenHash, data }));
}

async function createInTwoSteps(store: SessionStore, { limit, ...session }: NewSession) {
  const { userId } = session;
  if (!limit || userId === null) return store.create(session);
  const { records, now } = await store.listByUser({ userId });
  await oneTurn();
  const excess = records.length + 1 - limit.max;
  if (excess > 0 && limit.onLimit === 'reject') return { created: false, reason: 'limit' } as const;
  const evicted = records.slice(0, Math.max(excess, 0));
  await Promise.all(evicted.map(({ id }) => store.revoke({ id, reason: 'evicted', endedBy: null })));
  const outcome = await store.create(session);
  const ended = evicted.map(({ id }) => ({ id, userId, endedAt: now, endReason: 'evicted', endedBy: null }) as const);
  return outcome.created ? { ...outcome, ended } : outcome;
}
