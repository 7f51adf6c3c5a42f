import { randomBytes } from 'node:crypto';
import { equalHashes, type SessionTokens } from './session-token.js';
import {
  MAX_RETIRED_MARKERS,
  PROMOTION_ID_BYTES,
  TOKEN_MARKER_BYTES,
  type SuccessorToken,
  type TokenState,
} from './token-state.js';

/** The one of a session's tokens that was presented. */
export type TokenMatch =
  | {
      readonly as: 'current';
      /** The hash to store instead, when the stored one was made with an older key. */
      readonly rehash?: Uint8Array;
    }
  /** Issued to the client earlier, and presented now for the first time. */
  | { readonly as: 'successor' }
  /** Succeeded by the current one, within its grace. */
  | { readonly as: 'previous' }
  /** Succeeded by another one, after its grace: evidence of a stolen copy (RFC 9700, 4.14.2). */
  | { readonly as: 'reused' };

const CURRENT: TokenMatch = { as: 'current' };

/** Returns `undefined` for an unknown secret, which may be a guess and is not evidence of reuse. */
export function matchToken(
  state: TokenState,
  { tokens, secret, now }: { tokens: SessionTokens; secret: Uint8Array; now: Date },
): TokenMatch | undefined {
  const verdict = tokens.verify(secret, state.current);
  if (verdict === 'current') return CURRENT;
  if (verdict) return { as: 'current', rehash: verdict.rehash };
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

/** Keeps the current token and adds the successor that its holder receives from now on. */
export function withSuccessor(
  state: TokenState,
  issued: { current: Uint8Array; successor: SuccessorToken },
): TokenState {
  return { ...state, ...issued };
}

/** Makes the presented successor the current token. The grace of the one before starts. */
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
 * Sets a new current token and invalidates all others. The replaced one becomes a wrong secret, so that a double click ends
 * no session. Earlier ones stay known, and the previous one counts as reused once its grace would have ended.
 *
 * @param replacement.proof - Given when the user reauthenticated, which ends `awaitsReauthentication`. Its `clients`, when
 *   given, replace those that the session knows.
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

/** The effect of a reauthentication on the session's clients. Without `clients` they stay unchanged. */
export interface TokenProof {
  readonly clients?: TokenState['clients'] | undefined;
}

/** Returns the parts of a state that do not depend on its tokens. */
function ofClients({
  clients,
  awaitsReauthentication,
}: Pick<TokenState, 'clients' | 'awaitsReauthentication'>): Pick<TokenState, 'clients' | 'awaitsReauthentication'> {
  return { ...(clients && { clients }), ...(awaitsReauthentication && { awaitsReauthentication }) };
}

function markerOf(hash: Uint8Array): Uint8Array {
  return new Uint8Array(hash.subarray(0, TOKEN_MARKER_BYTES));
}
