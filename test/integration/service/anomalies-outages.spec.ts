import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SessionStoreUnavailableError, type AnomalyDecision, type SessionClient } from 'nest-sessions';
import type { SessionRotation, SessionStore } from 'nest-sessions/store';
import { StoreWorld } from '#src/testing/world/store-world.js';
import type { DecideAnomaly } from '#src/core/service/session-anomalies.js';
import { STORE_HARNESSES } from '../../contract/harnesses/index.js';
import { setUpService, type ServiceSetUp } from '../../contract/harnesses/service-setup.js';

const HOME: SessionClient = { ipAddress: '192.0.2.7', userAgent: 'curl/8.14.1' };
const OFFICE: SessionClient = { ...HOME, ipAddress: '198.51.100.7' };

describe.each(STORE_HARNESSES)(
  'a session that another client uses while the %s store does not answer (ASVS 8.2.4)',
  (name, createHarness) => {
    let world: StoreWorld;

    beforeAll(async () => {
      const harness = await createHarness();
      world = new StoreWorld(harness, harness.store);
    });
    afterAll(() => world.harness.close());

    const anomaliesOf = ({ heard }: ServiceSetUp) =>
      heard.flatMap(([event, told]) => (event === 'anomaly' ? [told] : []));
    const signIn = ({ service }: ServiceSetUp) => service.create({ userId: world.newUserId(), ...HOME });
    const outcomeOf = async ({ service }: ServiceSetUp, token: string, client: SessionClient) => {
      const outcome = await service.authenticate(token, { client });
      return outcome.outcome === 'absent' ? outcome.reason : outcome.outcome;
    };

    it.each<[AnomalyDecision, string, number]>([
      ['allow', 'live', 0],
      ['notify', 'live', 1],
      ['step-up', 'awaits-reauthentication', 1],
      ['revoke', 'anomaly', 1],
    ])('whose store does not take %s is %s for this request, and asked about again', async (answer, expected, told) => {
      const onAnomaly = jest.fn<DecideAnomaly>(() => answer);
      const here = setUpService(world.store, { onAnomaly });
      const anomalies = () => anomaliesOf(here);
      const { token } = await signIn(here);
      const outage = async () => {
        throw new SessionStoreUnavailableError(name, 'it is down');
      };
      for (const method of ['rotate', 'revoke'] as const) here.watched.before(method, outage);
      for (let request = 1; request <= 2; request++) expect(await outcomeOf(here, token, OFFICE)).toBe(expected);
      expect(anomalies()).toMatchObject(Array.from({ length: told }, () => ({ decision: answer, isStored: false })));
      expect(await outcomeOf(here, token, HOME)).toBe('live');
      for (const method of ['rotate', 'revoke'] as const) here.watched.before(method, async () => undefined);
      expect(await outcomeOf(here, token, OFFICE)).toBe(expected);
      expect(onAnomaly).toHaveBeenCalledTimes(3);
      expect(anomalies().filter(({ isStored }) => isStored)).toHaveLength(answer === 'allow' ? 0 : 1);
    });

    it('is reported when the store took notify and its answer was lost', async () => {
      const losing = new Proxy(world.store, {
        get: (store, method: keyof SessionStore) =>
          method === 'rotate'
            ? async (rotation: SessionRotation) => {
                await store.rotate(rotation);
                throw new SessionStoreUnavailableError(name, 'no answer');
              }
            : store[method],
      });
      const here = setUpService(losing, { onAnomaly: () => 'notify' });
      const { token } = await signIn(here);
      for (let request = 1; request <= 2; request++) expect(await outcomeOf(here, token, OFFICE)).toBe('live');
      expect(anomaliesOf(here)).toMatchObject([{ decision: 'notify', isStored: false }]);
    });
  },
);
