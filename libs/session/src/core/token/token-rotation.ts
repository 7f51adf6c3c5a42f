import { randomBytes } from 'node:crypto';
import { equalHashes, type SessionTokens } from './session-token.js';
import {
  MAX_RETIRED_MARKERS,
  PROMOTION_ID_BYTES,
  TOKEN_MARKER_BYTES,
  type SuccessorToken,
  type TokenState,
} from './token-state.js';

/** Which of a session's tokens was presented. */
export type TokenMatch =
  | {
      readonly as: 'current';
      /** The hash to store instead, when the stored one was made with an older key. */
      readonly rehash?: Uint8Array;
    }
  /** Made for the client earlier, and presented now for the first time. */
  | { readonly as: 'successor' }
  /** Followed by the current one, and still in its grace. */
  | { readonly as: 'previous' }
  /** Followed, and its grace is over: there is a copy of it that should not be (RFC 9700, 4.14.2). */
  | { readonly as: 'reused' };

/** @returns `undefined` for a secret that is none of those known: it may be anybody's guess, and says nothing. */
export function matchToken(
  state: TokenState,
  { tokens, secret, now }: { tokens: SessionTokens; secret: Uint8Array; now: Date },
): TokenMatch | undefined {
  const verdict = tokens.verify(secret, state.current);
  if (verdict) return verdict === 'current' ? { as: 'current' } : { as: 'current', rehash: verdict.rehash };
  const { successor, previous, retired } = state;
  if (successor && tokens.verify(secret, successor.hash)) return { as: 'successor' };
  if (previous && tokens.verify(secret, previous.hash)) {
    if (now.getTime() >= previous.graceUntilMs) return { as: 'reused' };
    return previous.wrap && { as: 'previous' };
  }
  if (retired.length === 0) return undefined;
  const markers = tokens.listHashes(secret).map(markerOf);
  const isRetired = retired.some((one) => markers.some((marker) => equalHashes(one, marker)));
  return isRetired ? { as: 'reused' } : undefined;
}

/** The current token stays; `successor` is what its holder is given from now on. */
export function withSuccessor(
  state: TokenState,
  issued: { current: Uint8Array; successor: SuccessorToken },
): TokenState {
  return { ...state, ...issued };
}

/** The successor was presented: it is the current token, and the one before has its grace. */
export function promoteSuccessor(
  state: TokenState,
  { current, now, graceMs }: { current: Uint8Array; now: Date; graceMs: number },
): TokenState {
  const { successor, previous, retired } = state;
  if (!successor) throw new TypeError('this token state has no successor');
  return {
    current,
    issuedAtMs: now.getTime(),
    previous: {
      hash: state.current,
      graceUntilMs: now.getTime() + graceMs,
      promotionId: new Uint8Array(randomBytes(PROMOTION_ID_BYTES)),
      wrap: successor.wrap,
    },
    ...ofClients(state),
    retired: previous ? [...retired, markerOf(previous.hash)].slice(-MAX_RETIRED_MARKERS) : retired,
  };
}

/**
 * A new current token and nothing else that works. The one replaced becomes a wrong secret, so that a double click ends
 * no session; earlier ones stay known, and the previous one counts as reused once its grace would have been over.
 *
 * @param replacement.proof - The user proved who they are for it, which is what the session may have been waiting for:
 *   then `clients`, if it is there, are those that the session knows from now on.
 */
export function replaceCurrent(
  state: TokenState,
  { current, issuedAtMs, proof }: Pick<TokenState, 'current' | 'issuedAtMs'> & { proof?: TokenProof },
): TokenState {
  const { previous, retired } = state;
  return {
    current,
    ...(issuedAtMs !== undefined && { issuedAtMs }),
    ...(previous && {
      previous: { hash: previous.hash, graceUntilMs: previous.graceUntilMs, promotionId: previous.promotionId },
    }),
    ...ofClients(proof ? { clients: state.clients, ...proof } : state),
    retired,
  };
}

/** What a proof of its user changes about a session's clients. Without `clients` they stay those that they are. */
export interface TokenProof {
  readonly clients?: TokenState['clients'] | undefined;
}

/** What tokens come and go without. */
function ofClients({
  clients,
  awaitsReauthentication,
}: Pick<TokenState, 'clients' | 'awaitsReauthentication'>): Pick<TokenState, 'clients' | 'awaitsReauthentication'> {
  return { ...(clients && { clients }), ...(awaitsReauthentication && { awaitsReauthentication }) };
}

function markerOf(hash: Uint8Array): Uint8Array {
  return new Uint8Array(hash.subarray(0, TOKEN_MARKER_BYTES));
}
