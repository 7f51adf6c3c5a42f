import { describe, expect, it } from '@jest/globals';
import { EPOCH_BESIDE_ANOTHER, EPOCH_WITH_LOSSES, LEFT_OUT_EPOCH_RULES, NOT_PROMISED } from './epoch-protocol.js';
import { explore } from './explore.js';

const SLOW = 240_000;
const ACCEPTED = 'accepted after the call resolved';
const CONFIRMED = 'a copy of what is over was confirmed in the new epoch';
const REFUSED = 'a session that began afterwards is refused';

describe('the end of everything in the hybrid store, explored exhaustively', () => {
  it.each([
    ['with all that can be lost', EPOCH_WITH_LOSSES, 100_000],
    ['beside another call with an earlier instant', EPOCH_BESIDE_ANOTHER, 50_000],
  ])(
    'keeps its promises in every reachable state, %s',
    (_name, model, least) => {
      const { states, violation } = explore(model);
      expect(violation).toEqual([]);
      expect(states).toBeGreaterThan(least);
    },
    SLOW,
  );

  it.each(LEFT_OUT_EPOCH_RULES)(
    'breaks a promise when a rule is left out: %s',
    (rule) => {
      const model = rule === 'numbers-by-sequence' ? EPOCH_BESIDE_ANOTHER : EPOCH_WITH_LOSSES;
      const expected = {
        'copies-without-epoch': ACCEPTED,
        'leases-without-epoch': CONFIRMED,
        'select-before-lease': CONFIRMED,
        'carry-before-commit': CONFIRMED,
        'numbers-by-sequence': CONFIRMED,
        'no-wait': ACCEPTED,
        'lease-from-the-answer': ACCEPTED,
        'no-second-look': ACCEPTED,
        'second-look-at-the-value': ACCEPTED,
        'memory-falls': ACCEPTED,
        'start-without-postgres': ACCEPTED,
        'begin-by-the-clock': REFUSED,
      }[rule];
      expect(explore(model, rule).violation.at(-1)).toBe(expected);
    },
    SLOW,
  );

  it('does not stand that Redis loses the epoch before an instance has asked there or swept', () => {
    expect(explore(EPOCH_WITH_LOSSES, NOT_PROMISED).violation.at(-1)).toBe(ACCEPTED);
  });
});
