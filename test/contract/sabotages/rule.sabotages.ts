import { anAuthentication } from 'nest-sessions/testing';
import { containsJson } from '#src/core/session/session-data.js';
import { SessionStoreUnavailableError } from 'nest-sessions';
import type { NewSession, SessionRecord } from 'nest-sessions/store';
import { remember } from './remember.js';
import type { Sabotage } from './sabotage.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

/** Rules of the port that were misread. */
export const RULE_SABOTAGES: readonly Sabotage[] = [
  {
    does: 'rotates whatever the token hash is (expressjs/session#425)',
    subject: 'rotate',
    sabotage: (store) => ({
      rotate: async (rotation) => {
        const found = await store.find(rotation.id);
        const expectedTokenHash = found.live ? found.record.tokenHash : rotation.expectedTokenHash;
        return store.rotate({ ...rotation, expectedTokenHash });
      },
    }),
  },
  {
    does: 'compares the first 32 bytes of the token hash',
    subject: 'rotate',
    sabotage: (store) => ({
      rotate: async (rotation) => {
        const found = await store.find(rotation.id);
        const firstBytes = (hash: Uint8Array) => Buffer.from(hash).toString('hex', 0, 32);
        const isAlike = found.live && firstBytes(found.record.tokenHash) === firstBytes(rotation.expectedTokenHash);
        return store.rotate(isAlike ? { ...rotation, expectedTokenHash: found.record.tokenHash } : rotation);
      },
    }),
  },
  {
    does: 'keeps the first 32 bytes of the token hash',
    subject: 'rotate',
    sabotage: (store) => ({
      rotate: (rotation) => store.rotate({ ...rotation, tokenHash: rotation.tokenHash.subarray(0, 32) }),
    }),
  },
  {
    does: 'lets a plain rotation prolong the session',
    subject: 'rotate',
    sabotage: (store) => ({
      rotate: (rotation) =>
        store.rotate({
          ...rotation,
          authentication: { ...anAuthentication(), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS },
        }),
    }),
  },
  {
    does: 'keeps the timeouts when the user proved who they are',
    subject: 'rotate',
    sabotage: (store) => ({ rotate: (rotation) => store.rotate({ ...rotation, authentication: undefined }) }),
  },
  {
    does: 'rotates and leaves the other sessions of the user alive (ASVS 7.4.3)',
    subject: 'rotate with endOthers',
    sabotage: (store) => ({ rotate: (rotation) => store.rotate({ ...rotation, endOthers: undefined }) }),
  },
  {
    does: 'ends the other sessions although the rotation did not apply',
    subject: 'rotate with endOthers',
    sabotage: (store) => ({
      rotate: async (rotation) => {
        const found = await store.find(rotation.id);
        const outcome = await store.rotate(rotation);
        if (outcome.applied || !rotation.endOthers || !found.live || found.record.userId === null) return outcome;
        await store.revokeAll({ userId: found.record.userId, exceptId: rotation.id, ...rotation.endOthers });
        return outcome;
      },
    }),
  },
  {
    does: 'takes every session for one that awaits nothing (better-auth GHSA-xg6x-h9c9-2m83)',
    subject: 'create and find',
    sabotage: (store) => ({ create: (session) => store.create({ ...session, awaitsSecondFactor: false }) }),
  },
  {
    does: 'overwrites a session of the same id',
    subject: 'create and find',
    sabotage: (store) => ({
      create: async (session) => {
        await store.revoke({ id: session.id, reason: 'revoked', endedBy: null });
        return store.create(session);
      },
    }),
  },
  {
    does: 'touches at every read',
    subject: 'create and find',
    sabotage: (store) => ({
      find: async (id) => {
        await store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
        return store.find(id);
      },
    }),
  },
  {
    does: 'leaves expiry to the cleanup',
    subject: 'expiry',
    sabotage: (store) => {
      const { seen, find } = remember(store);
      return {
        find: async (id) => {
          const found = await find(id);
          const record = seen.get(id);
          return !found.live && found.reason === 'expired' && record
            ? { live: true, record, now: record.createdAt }
            : found;
        },
      };
    },
  },
  {
    does: 'expires by a clock that is a second slow',
    subject: 'expiry',
    sabotage: (store) => ({
      create: (session) => store.create({ ...session, idleTimeoutMs: session.idleTimeoutMs + 1000 }),
    }),
  },
  {
    does: 'moves the expiry backwards when the idle timeout was shortened',
    subject: 'touch',
    sabotage: (store) => ({
      touch: async (touch) => {
        const found = await store.find(touch.id);
        const moved = await store.touch(touch);
        if (!moved || !found.live) return moved;
        const { tokenHash, absoluteExpiresAt } = found.record;
        await store.rotate({
          id: touch.id,
          expectedTokenHash: tokenHash,
          tokenHash,
          cause: 'rehash',
          authentication: {
            ...anAuthentication({ amr: [] }),
            idleTimeoutMs: touch.idleTimeoutMs,
            absoluteTimeoutMs: absoluteExpiresAt.getTime() - found.now.getTime(),
          },
        });
        return true;
      },
    }),
  },
  {
    does: 'ignores the touch interval',
    subject: 'touch',
    sabotage: (store) => ({ touch: (touch) => store.touch({ ...touch, touchIntervalMs: 0 }) }),
  },
  {
    does: 'ends any session for any user',
    subject: 'revoke',
    sabotage: (store) => ({ revoke: (revocation) => store.revoke({ ...revocation, userId: undefined }) }),
  },
  {
    does: 'ends the excepted session too',
    subject: 'revoke',
    sabotage: (store) => ({ revokeAll: (revocation) => store.revokeAll({ ...revocation, exceptId: undefined }) }),
  },
  {
    does: 'lets what was ended with everything be changed still',
    subject: 'revokeEverything',
    sabotage: (store) => {
      const over = new Set<string>();
      const known = new Set<string>();
      return {
        create: (session) => {
          known.add(session.id);
          return store.create(session);
        },
        revokeEverything: async ({ reason, endedBy }) => {
          for (const id of known) over.add(id);
          return { before: new Date(), endReason: reason, endedBy };
        },
        find: async (id) => (over.has(id) ? { live: false, reason: 'ended' } : store.find(id)),
      };
    },
  },
  {
    does: 'ends sessions that begin after everything was ended',
    subject: 'revokeEverything',
    sabotage: (store) => {
      let isOver = false;
      return {
        revokeEverything: (revocation) => {
          isOver = true;
          return store.revokeEverything(revocation);
        },
        find: async (id) => (isOver ? { live: false, reason: 'ended' } : store.find(id)),
      };
    },
  },
  {
    does: 'ends everything whatever instant is given',
    subject: 'revokeEverything',
    sabotage: (store) => ({
      revokeEverything: (revocation) => store.revokeEverything({ ...revocation, before: undefined }),
    }),
  },
  {
    does: "ends another provider's sessions of the same name",
    subject: 'revokeByIdentityProvider',
    sabotage: (store) => {
      const issuers = new Set<string>();
      return {
        create: (session) => {
          if (session.identityProvider) issuers.add(session.identityProvider.issuer);
          return store.create(session);
        },
        revokeByIdentityProvider: async (revocation) => {
          const each = [...issuers].map((issuer) => store.revokeByIdentityProvider({ ...revocation, issuer }));
          return (await Promise.all(each)).flat();
        },
      };
    },
  },
  {
    does: 'remembers the provider session of the first authentication only (ASVS 7.6.1)',
    subject: 'revokeByIdentityProvider',
    sabotage: (store) => {
      const index = new Map<string, string[]>();
      const keyOf = ({ issuer, sessionId }: { issuer: string; sessionId: string | null }) => `${issuer} ${sessionId}`;
      return {
        create: async (session) => {
          const key = session.identityProvider && keyOf(session.identityProvider);
          if (key) index.set(key, [...(index.get(key) ?? []), session.id]);
          return store.create(session);
        },
        revokeByIdentityProvider: async (revocation) => {
          const { userId, reason, endedBy } = revocation;
          const ids = index.get(keyOf(revocation)) ?? [];
          const ended = await Promise.all(ids.map((id) => store.revoke({ id, userId, reason, endedBy })));
          return ended.filter((one) => one !== undefined);
        },
      };
    },
  },
  {
    does: 'loses sessions from a list that is written by read, change, write (better-auth/better-auth#11073)',
    subject: 'listByUser',
    sabotage: (store) => {
      const index = new Map<string, string[]>();
      return {
        create: async (session) => {
          const before = index.get(session.userId ?? '') ?? [];
          const outcome = await store.create(session);
          index.set(session.userId ?? '', [...before, session.id]);
          return outcome;
        },
        listByUser: async (query) => {
          const { records, now } = await store.listByUser(query);
          return { records: records.filter(({ id }) => index.get(query.userId)?.includes(id)), now };
        },
      };
    },
  },
  {
    does: 'turns empty arrays into empty objects, as cjson does',
    subject: 'data',
    sabotage: (store) => ({
      create: (session) => {
        const json = JSON.stringify(session.data).replaceAll('[]', '{}');
        return store.create({ ...session, data: JSON.parse(json) as NewSession['data'] });
      },
    }),
  },
  {
    does: 'keeps the objects that it was given',
    subject: 'data',
    sabotage: (store) => {
      const given = new Map<string, NewSession['data']>();
      return {
        create: (session) => {
          given.set(session.id, session.data);
          return store.create(session);
        },
        find: async (id) => {
          const found = await store.find(id);
          const data = given.get(id);
          const isFirst = found.live && found.record.version === 1;
          return isFirst && data ? { ...found, record: { ...found.record, data } } : found;
        },
      };
    },
  },
  {
    does: 'compares data by equal top-level values only',
    subject: 'dataContains',
    sabotage: (store) => ({
      listByUser: async ({ userId, dataContains = {} }) => {
        const { records, now } = await store.listByUser({ userId });
        const matches = ({ data }: SessionRecord) =>
          Object.entries(dataContains).every(
            ([key, part]) => containsJson({ x: data[key] }, { x: part }) && data[key] === part,
          );
        return { records: records.filter(matches), now };
      },
    }),
  },
  {
    does: 'goes on after it was stopped',
    subject: 'cleanup and lifecycle',
    sabotage: () => ({ stop: () => Promise.resolve() }),
  },
  {
    does: 'takes an outage for an absence once it was stopped',
    subject: 'cleanup and lifecycle',
    sabotage: (store) => ({
      find: (id) =>
        store.find(id).catch((error: unknown) => {
          if (error instanceof SessionStoreUnavailableError) return { live: false, reason: 'unknown' } as const;
          throw error;
        }),
    }),
  },
  {
    does: 'cleans up live sessions',
    subject: 'cleanup and lifecycle',
    sabotage: (store, clock) => ({
      cleanUp: (step) => {
        clock.advance(24 * HOUR_MS);
        return store.cleanUp(step);
      },
    }),
  },
];
