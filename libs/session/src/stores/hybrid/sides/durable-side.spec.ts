import { describe, expect, it } from '@jest/globals';
import type { DurableSessions } from '../../../core/ports/durable-sessions.js';
import { SessionStoreUnavailableError } from '../../../core/session/session-errors.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { DurableSide } from './durable-side.js';

const METHODS = {
  start: 'past the breaker',
  create: 'through the breaker',
  find: 'through the breaker',
  findMany: 'through the breaker',
  touch: 'past the breaker',
  update: 'through the breaker',
  mergeDurableData: 'through the breaker',
  rotate: 'through the breaker',
  revoke: 'through the breaker',
  revokeAll: 'through the breaker',
  revokeByIdentityProvider: 'through the breaker',
  revokeEverything: 'through the breaker',
  findEpoch: 'through the breaker',
  listByUser: 'through the breaker',
  listHotChanges: 'through the breaker',
  forgetHotChanges: 'through the breaker',
  cleanUp: 'through the breaker',
  flush: 'past the breaker',
  stop: 'past the breaker',
} satisfies Record<Exclude<keyof DurableSessions, 'name' | 'signals'>, string>;

const WITHOUT_ARGUMENT = ['start', 'stop', 'flush', 'findEpoch'];
const ARGUMENT = Symbol('argument');

function setUp(answer: (method: string, args: readonly unknown[]) => Promise<unknown>) {
  const answers = Object.fromEntries(
    Object.keys(METHODS).map((method) => [method, (...args: unknown[]) => answer(method, args)]),
  );
  const durable = { name: 'postgres', ...answers } as unknown as DurableSessions;
  const breaker = new CircuitBreaker({ name: 'postgres', threshold: 1, periodMs: 60_000 });
  const side = new DurableSide(durable, breaker);
  const call = (method: string) => Reflect.apply(Reflect.get(side, method) as () => Promise<unknown>, side, [ARGUMENT]);
  return { side, call };
}

describe.each(Object.entries(METHODS))('DurableSide.%s', (method, kind) => {
  it('is the method of the same name, with its argument and its answer', async () => {
    const { call } = setUp(async (asked, args) => ({ asked, args }));
    expect(await call(method)).toEqual({ asked: method, args: WITHOUT_ARGUMENT.includes(method) ? [] : [ARGUMENT] });
  });

  it(`${kind === 'past the breaker' ? 'is called' : 'fails at once'} while the breaker is open`, async () => {
    const asked: string[] = [];
    const { call, side } = setUp(async (name) => {
      asked.push(name);
      throw new SessionStoreUnavailableError('postgres', 'it does not answer');
    });
    side.assertReachable();
    await expect(call('find')).rejects.toThrow(SessionStoreUnavailableError);
    await expect(call(method)).rejects.toThrow(SessionStoreUnavailableError);
    expect(asked).toEqual(kind === 'past the breaker' ? ['find', method] : ['find']);
    expect(() => side.assertReachable()).toThrow(SessionStoreUnavailableError);
  });
});
