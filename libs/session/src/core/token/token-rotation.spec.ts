import { describe, expect, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { createSessionId } from '../session/session-id.js';
import { SessionTokens, type MintedToken } from './session-token.js';
import { matchToken, promoteSuccessor, replaceCurrent, withSuccessor, type TokenProof } from './token-rotation.js';
import { decodeTokenState, encodeTokenState, MAX_RETIRED_MARKERS, type TokenState } from './token-state.js';
import { wrapSecret } from './token-wrap.js';

const OLD_KEY = 'the older key of at least 32 bytes';
const NEW_KEY = 'the newer key of at least 32 bytes';
const GRACE_MS = 60_000;
const sessionId = createSessionId('ada');
const at = (ms: number) => new Date(1_700_000_000_000 + ms);

/** The life of one session's tokens, step by step, through the bytes that a store would hold. */
class Tokens {
  readonly minted: MintedToken[] = [];
  private stored: Uint8Array;

  constructor(readonly tokens = new SessionTokens()) {
    this.stored = this.mint().hash;
  }

  get state(): TokenState {
    return decodeTokenState(this.stored) ?? assert.fail('undecodable');
  }

  mint(): MintedToken {
    const minted = this.tokens.mint(sessionId);
    this.minted.push(minted);
    return minted;
  }

  get(index: number): MintedToken {
    return this.minted.at(index) ?? assert.fail(`no token ${index}`);
  }

  issue(): this {
    const under = this.get(-1).secret;
    const [current] = this.tokens.listHashes(under);
    const { hash, secret } = this.mint();
    const successor = { hash, wrap: wrapSecret(secret, { under, sessionId }) };
    this.stored = encodeTokenState(withSuccessor(this.state, { current, successor }));
    return this;
  }

  promote(now: Date): this {
    const current = this.get(-1).hash;
    this.stored = encodeTokenState(promoteSuccessor(this.state, { current, now, graceMs: GRACE_MS }));
    return this;
  }

  replace(proof?: TokenProof): this {
    this.stored = encodeTokenState(replaceCurrent(this.state, { current: this.mint().hash, proof }));
    return this;
  }

  doubt(clients: TokenState['clients']): this {
    this.stored = encodeTokenState({ ...this.state, clients, awaitsReauthentication: true });
    return this;
  }

  match(index: number, now: Date, tokens = this.tokens): string | undefined {
    return matchToken(this.state, { tokens, secret: this.get(index).secret, now })?.as;
  }

  matches(now: Date): (string | undefined)[] {
    return this.minted.map((_, index) => this.match(index, now));
  }
}

describe('the tokens of a session (RFC 9700, 4.14.2)', () => {
  it('are one at first, beside which any other secret is just wrong', () => {
    const tokens = new Tokens();
    expect(tokens.matches(at(0))).toEqual(['current']);
    tokens.mint();
    expect(tokens.match(1, at(0))).toBeUndefined();
  });

  it('are two while the successor has not been presented, for ever if need be', () => {
    expect(new Tokens().issue().matches(at(1e12))).toEqual(['current', 'successor']);
  });

  it('leave the old one its grace and not a millisecond more', () => {
    const tokens = new Tokens().issue().promote(at(0));
    expect(tokens.matches(at(GRACE_MS - 1))).toEqual(['previous', 'current']);
    expect(tokens.matches(at(GRACE_MS))).toEqual(['reused', 'current']);
    expect(tokens.state.issuedAtMs).toBe(at(0).getTime());
  });

  it('know each earlier one again', () => {
    const tokens = new Tokens().issue().promote(at(0)).issue().promote(at(1)).issue().promote(at(2)).issue();
    expect(tokens.matches(at(3))).toEqual(['reused', 'reused', 'previous', 'current', 'successor']);
    tokens.mint();
    expect(tokens.match(5, at(3))).toBeUndefined();
  });

  it(`know the newest ${MAX_RETIRED_MARKERS} retired ones, and forget those before`, () => {
    const tokens = new Tokens();
    for (let turn = 0; turn < MAX_RETIRED_MARKERS + 3; turn++) tokens.issue().promote(at(turn));
    const [first, second, third, ...others] = tokens.matches(at(1e9));
    expect([first, second, third]).toEqual([undefined, undefined, 'reused']);
    expect(others.slice(0, -1).every((match) => match === 'reused')).toBe(true);
    expect(others.at(-1)).toBe('current');
  });

  it('replaced on demand have no grace: neither the current one, nor its successor (ASVS 7.2.4)', () => {
    expect(new Tokens().replace().matches(at(0))).toEqual([undefined, 'current']);
    expect(new Tokens().issue().replace().matches(at(0))).toEqual([undefined, undefined, 'current']);
  });

  it('replaced on demand during a grace end that grace, and still count as reused after its regular end', () => {
    const tokens = new Tokens().issue().promote(at(0)).replace();
    expect(tokens.matches(at(1))).toEqual([undefined, undefined, 'current']);
    expect(tokens.matches(at(GRACE_MS))).toEqual(['reused', undefined, 'current']);
    tokens.issue().promote(at(GRACE_MS));
    expect(tokens.matches(at(GRACE_MS))).toEqual(['reused', undefined, 'previous', 'current']);
  });

  it('replaced on demand keep the markers of earlier ones', () => {
    const tokens = new Tokens().issue().promote(at(0)).issue().promote(at(1)).replace();
    expect(tokens.matches(at(GRACE_MS + 1))).toEqual(['reused', 'reused', undefined, 'current']);
  });

  it('come and go without a word on the clients; only a proof ends the doubt about one', () => {
    const clients = { traits: [new Uint8Array(8).fill(7)], decisionId: new Uint8Array(8).fill(8) };
    const doubted = { clients, awaitsReauthentication: true };
    const tokens = new Tokens().doubt(clients);
    for (const step of [() => tokens.issue(), () => tokens.promote(at(0)), () => tokens.replace()]) {
      expect(step().state).toMatchObject(doubted);
    }
    const others = { ...clients, traits: [new Uint8Array(8).fill(9)] };
    const clientsAfter = (proof: TokenProof) => {
      const proven = tokens.doubt(clients).replace(proof).state;
      return [proven.clients, proven.awaitsReauthentication];
    };
    expect(clientsAfter({})).toEqual([clients, undefined]);
    expect(clientsAfter({ clients: others })).toEqual([others, undefined]);
    expect(clientsAfter({ clients: undefined })).toEqual([undefined, undefined]);
  });

  it('are known under an older key too, wherever they stand', () => {
    const tokens = new Tokens(new SessionTokens([OLD_KEY])).issue().promote(at(0)).issue().promote(at(1)).issue();
    const ring = new SessionTokens([NEW_KEY, OLD_KEY]);
    const matches = () => tokens.minted.map((_, index) => tokens.match(index, at(2), ring));
    expect(matches()).toEqual(['reused', 'previous', 'current', 'successor']);
    const { secret } = tokens.get(2);
    const [newest] = ring.listHashes(secret);
    expect(matchToken(tokens.state, { tokens: ring, secret, now: at(2) })).toEqual({ as: 'current', rehash: newest });
  });

  it('promoted twice at one instant are not the same bytes, so that one of two promotions loses in every store', () => {
    const { state } = new Tokens().issue();
    const promote = () => encodeTokenState(promoteSuccessor(state, { current: state.current, now: at(0), graceMs: 1 }));
    expect(promote()).not.toEqual(promote());
  });
});
