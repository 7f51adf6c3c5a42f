import { describe, expect, it } from '@jest/globals';
import {
  EPOCH_BESIDE_ANOTHER,
  EPOCH_WITH_LOSSES,
  EPOCH_WITHOUT_FILLS,
  LEFT_OUT_EPOCH_RULES,
  NOT_PROMISED,
} from './epoch-protocol.js';
import { explore } from './explore.js';

const SLOW = 240_000;
const ACCEPTED = 'accepted after the call resolved';
const CONFIRMED = 'a copy of what is over was confirmed in the new epoch';
const REFUSED = 'a session that began afterwards is refused';

const BROKEN = {
  'copies-without-epoch': [EPOCH_WITHOUT_FILLS, ACCEPTED],
  'leases-without-epoch': [EPOCH_WITH_LOSSES, CONFIRMED],
  'select-before-lease': [EPOCH_WITH_LOSSES, CONFIRMED],
  'carry-before-commit': [EPOCH_WITH_LOSSES, CONFIRMED],
  'numbers-by-sequence': [EPOCH_BESIDE_ANOTHER, CONFIRMED],
  'no-wait': [EPOCH_WITHOUT_FILLS, ACCEPTED],
  'lease-from-the-answer': [EPOCH_WITHOUT_FILLS, ACCEPTED],
  'no-second-look': [EPOCH_WITHOUT_FILLS, ACCEPTED],
  'second-look-at-the-value': [EPOCH_WITHOUT_FILLS, ACCEPTED],
  'memory-falls': [EPOCH_WITHOUT_FILLS, ACCEPTED],
  'start-without-postgres': [EPOCH_WITHOUT_FILLS, ACCEPTED],
  'begin-by-the-clock': [EPOCH_WITHOUT_FILLS, REFUSED],
} as const;

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

  it.each(LEFT_OUT_EPOCH_RULES)('breaks a promise when a rule is left out: %s', (rule) => {
    const [model, promise] = BROKEN[rule];
    expect(explore(model, rule).violation.at(-1)).toBe(promise);
  });

  it('does not stand that Redis loses the epoch before an instance has asked there or swept', () => {
    expect(explore(EPOCH_WITHOUT_FILLS, NOT_PROMISED).violation.at(-1)).toBe(ACCEPTED);
  });
});
