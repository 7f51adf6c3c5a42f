import { describe, expect, it } from '@jest/globals';
import { explore } from './explore.js';
import { HYBRID_PROTOCOL, LEFT_OUT_RULES } from './hybrid-protocol.js';

const SLOW = 240_000;

describe('the protocol of the hybrid store, explored exhaustively', () => {
  it(
    'keeps its promises in every reachable state',
    () => {
      const { states, violation } = explore(HYBRID_PROTOCOL);
      expect(violation).toEqual([]);
      expect(states).toBeGreaterThan(1_000_000);
    },
    SLOW,
  );

  it.each(LEFT_OUT_RULES)('breaks a promise when a rule is left out: %s', (rule) => {
    const { violation } = explore(HYBRID_PROTOCOL, rule);
    expect(violation.at(-1)).toBe(
      rule === 'rotate-keeps-lease' ? 'old token accepted after rotate resolved' : 'accepted after revoke resolved',
    );
  });
});
