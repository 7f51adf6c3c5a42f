import { describe, expect, it } from '@jest/globals';
import type { HotSessions } from '../../../core/ports/hot-sessions.js';
import { SessionStoreRefusedError, SessionStoreUnavailableError } from '../../../core/session/session-errors.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { HotSide } from './hot-side.js';
import { HotTrust } from './hot-trust.js';

const METHODS = {
  start: 'past the breaker',
  read: 'through the breaker',
  lease: 'through the breaker',
  promote: 'through the breaker',
  update: 'through the breaker',
  touch: 'through the breaker',
  drop: 'takes belief',
  unconfirm: 'takes belief',
  unconfirmUser: 'takes belief',
  advanceEpoch: 'takes belief',
  followEpoch: 'takes belief',
  scanCopies: 'through the breaker',
  listCopiesOfUser: 'through the breaker',
  keepRevocation: 'through the breaker',
  listKeptRevocations: 'through the breaker',
  forgetRevocations: 'through the breaker',
  stop: 'past the breaker',
} satisfies Record<Exclude<keyof HotSessions, 'name' | 'signals'>, string>;

const ARGUMENT = Symbol('argument');

/** A hot side in which each method of the port answers by `answer`. */
function setUp(answer: (method: string, args: readonly unknown[]) => Promise<unknown>) {
  const answers = Object.fromEntries(
    Object.keys(METHODS).map((method) => [method, (...args: unknown[]) => answer(method, args)]),
  );
  const hot = { name: 'redis', ...answers } as unknown as HotSessions;
  const trust = new HotTrust();
  const side = new HotSide(hot, new CircuitBreaker({ name: 'redis', threshold: 1, periodMs: 60_000 }), trust);
  const call = (method: string) => Reflect.apply(Reflect.get(side, method) as () => Promise<unknown>, side, [ARGUMENT]);
  return { trust, call };
}

describe.each(Object.entries(METHODS))('HotSide.%s', (method, kind) => {
  it('is the method of the same name, with its argument and its answer', async () => {
    const asked: unknown[] = [];
    const { call } = setUp(async (...made) => {
      asked.push(made);
      return 'answer';
    });
    const isBare = method === 'start' || method === 'stop';
    expect(await call(method)).toBe(kind === 'takes belief' ? undefined : 'answer');
    expect(asked).toEqual([[method, isBare ? [] : [ARGUMENT]]]);
  });

  it(`${kind === 'past the breaker' ? 'is called' : 'fails at once'} while the breaker is open`, async () => {
    const asked: string[] = [];
    const { call } = setUp(async (name) => {
      asked.push(name);
      throw new SessionStoreUnavailableError('redis', 'it does not answer');
    });
    await expect(call('read')).rejects.toThrow(SessionStoreUnavailableError);
    await expect(call(method)).rejects.toThrow(SessionStoreUnavailableError);
    expect(asked).toEqual(kind === 'past the breaker' ? ['read', method] : ['read']);
  });

  it(`${kind === 'takes belief' ? 'loses trust' : 'keeps trust'} when the server refuses it`, async () => {
    const { call, trust } = setUp(() => Promise.reject(new SessionStoreRefusedError('redis', 'it refuses to write')));
    await expect(call(method)).rejects.toThrow(SessionStoreRefusedError);
    expect(trust.isIntact).toBe(kind !== 'takes belief');
  });

  it('keeps trust when the server does not answer', async () => {
    const { call, trust } = setUp(() => Promise.reject(new SessionStoreUnavailableError('redis', 'it is away')));
    await expect(call(method)).rejects.toThrow(SessionStoreUnavailableError);
    expect(trust.isIntact).toBe(true);
  });
});

describe('HotTrust', () => {
  it('is restored by a catch-up, except when it was lost again meanwhile', async () => {
    const trust = new HotTrust();
    trust.distrust();
    await trust.restoreAfter(async () => trust.distrust());
    expect(trust.isIntact).toBe(false);
    await expect(trust.restoreAfter(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(trust.isIntact).toBe(false);
    await trust.restoreAfter(async () => undefined);
    expect(trust.isIntact).toBe(true);
  });
});
