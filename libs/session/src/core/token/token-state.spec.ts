import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeTokenState, encodeTokenState, MAX_TOKEN_STATE_BYTES, type TokenState } from './token-state.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const instants = fc.integer({ min: 0, max: 8_640_000_000_000_000 });

const states: fc.Arbitrary<TokenState> = fc.record(
  {
    current: bytes(32),
    issuedAtMs: instants,
    successor: fc.record({ hash: bytes(32), wrap: bytes(60) }),
    previous: fc.record(
      { hash: bytes(32), graceUntilMs: instants, promotionId: bytes(8), wrap: bytes(60) },
      { requiredKeys: ['hash', 'graceUntilMs', 'promotionId'] },
    ),
    retired: fc.array(bytes(8), { maxLength: 64 }),
    clients: fc.record({ traits: fc.array(bytes(8), { minLength: 1, maxLength: 16 }), decisionId: bytes(8) }),
    awaitsReauthentication: fc.constant(true as const),
  },
  { requiredKeys: ['current', 'retired'] },
);

const filled = (length: number, value: number) => new Uint8Array(length).fill(value);
const FULL: TokenState = {
  current: filled(32, 1),
  issuedAtMs: 1_700_000_000_000,
  successor: { hash: filled(32, 2), wrap: filled(60, 3) },
  previous: { hash: filled(32, 4), graceUntilMs: 1_700_000_060_000, promotionId: filled(8, 5), wrap: filled(60, 6) },
  clients: { traits: Array.from({ length: 16 }, (_, index) => filled(8, 255 - index)), decisionId: filled(8, 7) },
  awaitsReauthentication: true,
  retired: Array.from({ length: 64 }, (_, index) => filled(8, index)),
};

/** What would be stored of what these bytes say; the bytes themselves when they say nothing. */
const respell = (stored: Uint8Array) => {
  const state = decodeTokenState(stored);
  return state ? encodeTokenState(state) : stored;
};

describe('a token state', () => {
  it('of nothing but the current hash is that hash', () => {
    const current = filled(32, 7);
    expect(encodeTokenState({ current, retired: [] })).toEqual(current);
    expect(decodeTokenState(current)).toEqual({ current, retired: [] });
  });

  it('begins with the current hash, whatever follows', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(encodeTokenState(state).subarray(0, 32)).toEqual(state.current);
      }),
    );
  });

  it('comes back as it was stored', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(decodeTokenState(encodeTokenState(state))).toEqual(state);
      }),
    );
  });

  it('has the documented layout', () => {
    const clients = { traits: [filled(8, 10)], decisionId: filled(8, 11) };
    const state = { ...FULL, clients, retired: [filled(8, 9)] };
    const hex = Buffer.from(encodeTokenState(state)).toString('hex');
    expect(hex).toBe(
      `${'01'.repeat(32)}013f010000018bcfe56800${'02'.repeat(32)}${'03'.repeat(60)}` +
        `${'04'.repeat(32)}0000018bcfe65260${'05'.repeat(8)}${'06'.repeat(60)}` +
        `01${'0b'.repeat(8)}${'0a'.repeat(8)}${'09'.repeat(8)}`,
    );
  });

  it('at its largest leaves stores room to spare', () => {
    expect(encodeTokenState(FULL)).toHaveLength(892);
    expect(MAX_TOKEN_STATE_BYTES).toBe(1024);
  });

  it('has one spelling: whatever can be decoded is what would be stored', () => {
    const broken = fc
      .tuple(states, fc.nat(), fc.nat({ max: 255 }))
      .map(([state, at, value]) =>
        encodeTokenState(state).map((byte, i, all) => (i === at % all.length ? value : byte)),
      );
    fc.assert(
      fc.property(broken, (stored) => {
        expect(respell(stored)).toEqual(stored);
      }),
      { numRuns: 1000 },
    );
  });

  it('that is broken is undecodable, and never throws', () => {
    const stored = encodeTokenState(FULL);
    const decodable = Array.from({ length: stored.length }, (_, length) => length).filter(
      (length) => decodeTokenState(stored.subarray(0, length)) !== undefined,
    );
    expect(decodable).toEqual([32]);
    expect(decodeTokenState(Buffer.concat([stored, filled(1, 0)]))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1100 }), (random) => {
        expect(respell(random)).toEqual(random);
      }),
    );
  });

  it.each([
    ['a format of the future', [2, 1, 0], 8],
    ['a section of the future', [1, 64, 0], 0],
    ['no number of traits', [1, 16, 0], 0],
    ['more traits than are kept', [1, 16, 0, 17], 8 + 17 * 8],
    ['a number of traits and none', [1, 16, 0, 0], 8],
    ['no section at all', [1, 0, 0], 0],
    ['a wrap of no previous token', [1, 8, 0], 60],
    ['more markers than are kept', [1, 0, 65], 65 * 8],
    ['an instant that no date can be', [1, 1, 0], 8],
  ])('with %s is undecodable', (_what, header, length) => {
    expect(decodeTokenState(Buffer.concat([filled(32, 1), Buffer.from(header), filled(length, 255)]))).toBeUndefined();
  });

  it.each<[string, Partial<TokenState>]>([
    ['a short current hash', { current: filled(31, 1) }],
    ['a long successor', { successor: { hash: filled(32, 1), wrap: filled(61, 1) } }],
    ['a fraction of a ms', { issuedAtMs: 0.5 }],
    ['an instant before all dates', { issuedAtMs: -1 }],
    ['17 traits', { clients: { traits: Array.from({ length: 17 }, () => filled(8, 1)), decisionId: filled(8, 1) } }],
    ['clients without a trait', { clients: { traits: [], decisionId: filled(8, 1) } }],
    ['a short decision id', { clients: { traits: [filled(8, 1)], decisionId: filled(7, 1) } }],
    ['65 markers', { retired: Array.from({ length: 65 }, () => filled(8, 1)) }],
    ['a whole hash for a marker', { retired: [filled(32, 1)] }],
  ])('cannot be made with %s', (_what, mistake) => {
    expect(() => encodeTokenState({ ...FULL, ...mistake })).toThrow(RangeError);
  });
});
