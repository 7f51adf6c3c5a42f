import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { AnomalyDecision, SessionClient } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { setImmediate } from 'node:timers/promises';
import { StoreWorld } from '#src/testing/world/store-world.js';
import type { DecideAnomaly } from '#src/core/service/session-anomalies.js';
import { STORE_HARNESSES } from '../../contract/harnesses/index.js';
import { setUpService, type ServiceSetUp } from '../../contract/harnesses/service-setup.js';
import { Barrier, Gate } from '../../support/barrier.js';

const HOME: SessionClient = {
  ipAddress: '192.0.2.7',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
};
const OFFICE: SessionClient = { ...HOME, ipAddress: '198.51.100.7' };
const CAFE: SessionClient = { ...HOME, ipAddress: '203.0.113.7' };
const THIEF: SessionClient = { ipAddress: '203.0.113.66', userAgent: 'curl/8.14.1' };

describe.each(STORE_HARNESSES)(
  'a session that another client uses, on the %s store (ASVS 8.2.4)',
  (_name, createHarness) => {
    let world: StoreWorld;

    beforeAll(async () => {
      const harness = await createHarness();
      world = new StoreWorld(harness, await harness.secondInstance());
    });
    afterAll(() => world.harness.close());

    /** Two instances of an application that answers so. */
    const setUp = (answer: AnomalyDecision | DecideAnomaly) => {
      const onAnomaly = jest.fn<DecideAnomaly>(typeof answer === 'string' ? () => answer : answer);
      const instances = [world.store, world.other].map((store) => setUpService(store, { onAnomaly })) as [
        ServiceSetUp,
        ServiceSetUp,
      ];
      return { onAnomaly, here: instances[0], there: instances[1], anomalies: () => instances.flatMap(anomaliesOf) };
    };
    const anomaliesOf = ({ heard }: ServiceSetUp) =>
      heard.flatMap(([event, told]) => (event === 'anomaly' ? [told] : []));

    const signIn = ({ service }: ServiceSetUp, userId: string | null = world.newUserId()) =>
      service.create({ userId, ...HOME, ...(userId !== null && { amr: ['pwd'] }) });

    const outcomeOf = async ({ service }: ServiceSetUp, token: string, client: SessionClient) => {
      const outcome = await service.authenticate(token, { client });
      return outcome.outcome === 'absent' ? outcome.reason : outcome.outcome;
    };

    it('is asked about with what is new, once for each client on all instances, and told when notify was answered', async () => {
      const { onAnomaly, here, there, anomalies } = setUp('notify');
      const { session, token } = await signIn(here);
      expect(await outcomeOf(here, token, HOME)).toBe('live');
      expect(onAnomaly).not.toHaveBeenCalled();
      for (const instance of [here, there, here]) expect(await outcomeOf(instance, token, OFFICE)).toBe('live');
      expect(onAnomaly.mock.calls).toEqual([
        [{ session: expect.objectContaining({ id: session.id }), changes: ['network'], client: OFFICE }],
      ]);
      for (const instance of [there, here]) expect(await outcomeOf(instance, token, THIEF)).toBe('live');
      expect(anomalies()).toEqual([
        {
          at: expect.any(Date),
          id: session.id,
          userId: session.userId,
          ...OFFICE,
          changes: ['network'],
          decision: 'notify',
          isStored: true,
          formerIpAddress: HOME.ipAddress,
          formerUserAgent: HOME.userAgent,
        },
        expect.objectContaining({ ...THIEF, changes: ['user-agent', 'network'] }),
      ]);
    });

    it.each<AnomalyDecision>(['notify', 'step-up'])(
      'is told of by one of two instances that are asked at once and answer %s',
      async (answer) => {
        const { here, there, anomalies } = setUp(answer);
        const barrier = new Barrier(2);
        for (const { watched } of [here, there]) watched.before('rotate', () => barrier.arrive());
        const { token } = await signIn(here);
        const expected = answer === 'notify' ? 'live' : 'awaits-reauthentication';
        const outcomes = await Promise.all([here, there].map((instance) => outcomeOf(instance, token, OFFICE)));
        expect(outcomes).toEqual([expected, expected]);
        expect(anomalies()).toHaveLength(1);
      },
    );

    it('goes on untold when allow was answered', async () => {
      const { onAnomaly, here, there, anomalies } = setUp('allow');
      const { token } = await signIn(here);
      for (const instance of [here, there]) expect(await outcomeOf(instance, token, OFFICE)).toBe('live');
      expect(onAnomaly).toHaveBeenCalledTimes(1);
      expect(anomalies()).toEqual([]);
    });

    it('is asked about once by parallel requests of an instance, all of which wait for the answer', async () => {
      const gate = new Gate();
      const { onAnomaly, here, anomalies } = setUp(async (): Promise<AnomalyDecision> => {
        await gate.pass();
        return 'notify';
      });
      const { token } = await signIn(here);
      const requests = Array.from({ length: 20 }, () => outcomeOf(here, token, OFFICE));
      await gate.reached;
      gate.open();
      expect(new Set(await Promise.all(requests))).toEqual(new Set(['live']));
      expect(anomalies()).toHaveLength(1);
      // Requests that were found live before and come to ask afterwards may ask once more.
      expect(onAnomaly.mock.calls.length).toBeLessThanOrEqual(2);
    });

    it('authenticates nobody after step-up, on any instance and from any client, until its user reauthenticates', async () => {
      const { onAnomaly, here, there, anomalies } = setUp('step-up');
      const { session, token } = await signIn(here);
      expect(await outcomeOf(here, token, THIEF)).toBe('awaits-reauthentication');
      for (const client of [HOME, OFFICE, THIEF]) {
        for (const instance of [here, there]) {
          expect(await outcomeOf(instance, token, client)).toBe('awaits-reauthentication');
        }
      }
      expect(onAnomaly).toHaveBeenCalledTimes(1);
      expect(anomalies()).toMatchObject([{ decision: 'step-up', isStored: true }]);
      expect(await there.service.listByUser(session.userId ?? '')).toMatchObject([
        { id: session.id, awaitsReauthentication: true },
      ]);
      const rotated = await there.service.rotate(token);
      if (!rotated.rotated) throw new Error(rotated.reason);
      expect(await outcomeOf(here, rotated.token, HOME)).toBe('awaits-reauthentication');
      const proven = await there.service.reauthenticate(rotated.token, { amr: ['pwd'] }, { client: OFFICE });
      if (!proven.rotated) throw new Error(proven.reason);
      for (const old of [token, rotated.token]) expect(await outcomeOf(here, old, THIEF)).toBe('wrong-secret');
      // Whoever proved it is no stranger any more, as is whoever the session began with.
      for (const instance of [here, there]) {
        for (const client of [HOME, OFFICE]) expect(await outcomeOf(instance, proven.token, client)).toBe('live');
      }
      // A second theft by the same thief is one.
      expect(await outcomeOf(here, proven.token, THIEF)).toBe('awaits-reauthentication');
      expect(anomalies()).toHaveLength(2);
    });

    it.each([
      ['from the client that it began with', { client: HOME }, 'awaits-reauthentication'],
      ['from the other client', { client: THIEF }, 'live'],
      ['from nobody knows where', {}, 'live'],
    ])('knows the other client after a proof %s as it should', async (_where, options, expected) => {
      const { here } = setUp('step-up');
      const { token } = await signIn(here);
      expect(await outcomeOf(here, token, THIEF)).toBe('awaits-reauthentication');
      const proven = await here.service.reauthenticate(token, { amr: ['pwd'] }, options);
      if (!proven.rotated) throw new Error(proven.reason);
      expect(await outcomeOf(here, proven.token, HOME)).toBe('live');
      expect(await outcomeOf(here, proven.token, THIEF)).toBe(expected);
    });

    it('has the level that was proved after the doubt, not the one from before', async () => {
      const { here } = setUp('step-up');
      const { token } = await here.service.create({ userId: world.newUserId(), ...HOME, amr: ['pwd', 'otp'] });
      expect(await outcomeOf(here, token, THIEF)).toBe('awaits-reauthentication');
      const { service } = here;
      const proven = await service.credentialsChanged(token, { authentication: { amr: ['pwd'] }, client: HOME });
      if (!proven.rotated) throw new Error(proven.reason);
      expect(proven.session).toMatchObject({ assuranceLevel: 'aal1', awaitsReauthentication: false });
      expect(await outcomeOf(here, proven.token, THIEF)).toBe('awaits-reauthentication');
    });

    it('keeps its data for its own user while it is in doubt', async () => {
      const { here } = setUp('step-up');
      const userId = world.newUserId();
      for (const [as, carried] of [
        [world.newUserId(), {}],
        [userId, { cart: ['tea'] }],
      ] as const) {
        const { token } = await here.service.create({ userId, ...HOME, data: { cart: ['tea'] } });
        expect(await outcomeOf(here, token, THIEF)).toBe('awaits-reauthentication');
        const next = await here.service.create({ userId: as, replacesToken: token, carryOver: ['cart'] });
        expect(next.session.data).toEqual(carried);
      }
    });

    it('ends by revoke, and the request that brought it is refused', async () => {
      const { here, there } = setUp('revoke');
      const { session, token } = await signIn(here);
      expect(await outcomeOf(there, token, THIEF)).toBe('anomaly');
      await world.assertOver(session);
      expect(there.heard).toMatchObject([
        ['anomaly', { decision: 'revoke', isStored: true }],
        ['ended', { id: session.id, endReason: 'anomaly', endedBy: null }],
      ]);
    });

    it.each<AnomalyDecision>(['allow', 'notify', 'step-up', 'revoke'])(
      'is refused, and nothing else, when its owner proved who they are before a request was judged with %s',
      async (answer) => {
        const gate = new Gate();
        const { here, there, anomalies } = setUp(async (): Promise<AnomalyDecision> => {
          await gate.pass();
          return answer;
        });
        const { token } = await signIn(here);
        const judged = outcomeOf(here, token, THIEF);
        await gate.reached;
        const proven = await there.service.reauthenticate(token, { amr: ['pwd'] });
        if (!proven.rotated) throw new Error(proven.reason);
        gate.open();
        expect(await judged).toBe('wrong-secret');
        expect(await outcomeOf(here, proven.token, HOME)).toBe('live');
        expect(anomalies()).toEqual([]);
      },
    );

    it('is refused by a token that died before another one of the same client was judged', async () => {
      const [found, asked] = [new Gate(), new Gate()];
      let finds = 0;
      const slow = new Proxy(world.store, {
        get: (store, method: keyof SessionStore) =>
          method === 'find'
            ? async (id: string) => {
                const outcome = await store.find(id);
                if (++finds === 1) await found.pass();
                return outcome;
              }
            : store[method],
      });
      const { service } = setUpService(slow, { onAnomaly: () => asked.pass().then(() => 'allow' as const) });
      const { token } = await service.create({ userId: world.newUserId(), ...HOME });
      const late = service.authenticate(token, { client: OFFICE });
      await found.reached;
      const proven = await service.reauthenticate(token, { amr: ['pwd'] });
      if (!proven.rotated) throw new Error(proven.reason);
      const owner = service.authenticate(proven.token, { client: OFFICE });
      await asked.reached;
      found.open();
      await setImmediate();
      asked.open();
      expect((await owner).outcome).toBe('live');
      expect(await late).toEqual({ outcome: 'absent', reason: 'wrong-secret' });
    });

    it('keeps what others store about its tokens meanwhile', async () => {
      const gate = new Gate();
      const { here, there } = setUp(async ({ client }): Promise<AnomalyDecision> => {
        if (client.ipAddress === OFFICE.ipAddress) await gate.pass();
        return 'allow';
      });
      const { token } = await signIn(here);
      const slow = outcomeOf(here, token, OFFICE);
      await gate.reached;
      expect(await outcomeOf(there, token, CAFE)).toBe('live');
      gate.open();
      expect(await slow).toBe('live');
      there.watched.clear();
      for (const client of [OFFICE, CAFE]) expect(await outcomeOf(there, token, client)).toBe('live');
      expect(there.watched.calls).not.toContain('rotate');
    });

    it('is not examined when it is anonymous, nor when the client is unknown', async () => {
      const { onAnomaly, here } = setUp('revoke');
      const anonymous = await signIn(here, null);
      expect(await outcomeOf(here, anonymous.token, THIEF)).toBe('live');
      const { token } = await signIn(here);
      expect((await here.service.authenticate(token)).outcome).toBe('live');
      expect(onAnomaly).not.toHaveBeenCalled();
    });

    it('fails the request, and nothing else, when the application throws or answers nonsense', async () => {
      let answer: () => AnomalyDecision = () => {
        throw new Error('the address lookup is down');
      };
      const { here, anomalies } = setUp(() => answer());
      const { token } = await signIn(here);
      await expect(outcomeOf(here, token, OFFICE)).rejects.toThrow('the address lookup is down');
      answer = () => 'yes' as AnomalyDecision;
      await expect(outcomeOf(here, token, OFFICE)).rejects.toMatchObject({ code: 'SESSION_ARGUMENT' });
      expect(await outcomeOf(here, token, HOME)).toBe('live');
      answer = () => 'notify';
      expect(await outcomeOf(here, token, OFFICE)).toBe('live');
      expect(anomalies()).toHaveLength(1);
    });

    it('does not keep a session alive that is in doubt', async () => {
      const onAnomaly = () => 'step-up' as const;
      const { service, watched } = setUpService(world.store, { onAnomaly, touchIntervalMs: 0 });
      const { session, token } = await service.create({ userId: world.newUserId(), ...HOME });
      await service.authenticate(token, { client: THIEF });
      await service.authenticate(token, { client: HOME });
      expect(await service.recheck(session)).toMatchObject({ awaitsReauthentication: true });
      expect(watched.calls).not.toContain('touch');
    });
  },
);
