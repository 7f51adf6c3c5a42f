/** Length of a hash, and of a plain state: the `tokenHash` of a session with nothing but a current token. */
export const TOKEN_HASH_BYTES = 32;
/** The most bytes of `tokenHash` that a store has to hold. Today's largest state is smaller, so that formats can grow. */
export const MAX_TOKEN_STATE_BYTES = 1024;
export const TOKEN_WRAP_BYTES = 60;
export const TOKEN_MARKER_BYTES = 8;
export const MAX_RETIRED_MARKERS = 64;
export const PROMOTION_ID_BYTES = 8;
export const CLIENT_TRAIT_BYTES = 8;
export const MAX_CLIENT_TRAITS = 16;
export const DECISION_ID_BYTES = 8;

/** A token prepared to follow the current one. `wrap`: its secret, which only the current token can unwrap. */
export interface SuccessorToken {
  readonly hash: Uint8Array;
  readonly wrap: Uint8Array;
}

/** The token before the current one. */
export interface PreviousToken {
  readonly hash: Uint8Array;
  /** The backend's time in Unix ms from which a use counts as reuse. */
  readonly graceUntilMs: number;
  /** Random, so that no two promotions write the same bytes. Of parallel ones exactly one applies, in every store. */
  readonly promotionId: Uint8Array;
  /** The current token's secret, which only this token can unwrap. Without it this token is refused during its grace. */
  readonly wrap?: Uint8Array;
}

/** Clients that used a session later than its first one. */
export interface LaterClients {
  /** Their traits as `core/client/client-traits.ts` writes them, oldest first. At least one. */
  readonly traits: readonly Uint8Array[];
  /** Random, so that no two decisions write the same bytes. Of parallel ones exactly one applies, in every store. */
  readonly decisionId: Uint8Array;
}

/** The state of a session's tokens. Stores hold it as the opaque bytes of `tokenHash`. */
export interface TokenState {
  readonly current: Uint8Array;
  /** The backend's time in Unix ms when the current token was issued. Default: when the session began. */
  readonly issuedAtMs?: number;
  readonly successor?: SuccessorToken;
  readonly previous?: PreviousToken;
  /** First bytes of the hashes of earlier tokens, oldest first. */
  readonly retired: readonly Uint8Array[];
  readonly clients?: LaterClients;
  /** No token of the session signs anybody in until its user reauthenticates. */
  readonly awaitsReauthentication?: true;
}

const FORMAT = 1;
const HEADER_BYTES = 3;
const INSTANT_BYTES = 8;
const HAS_ISSUED_AT = 1;
const HAS_SUCCESSOR = 2;
const HAS_PREVIOUS = 4;
const HAS_PREVIOUS_WRAP = 8;
const HAS_CLIENTS = 16;
const AWAITS_REAUTHENTICATION = 32;
const ALL_FLAGS = 63;
/** The last instant that a `Date` can hold. */
const MAX_INSTANT_MS = 8_640_000_000_000_000;

/**
 * Encodes a state for a store. A state of nothing but the current hash is that hash.
 *
 * Layout: hash of the current token (32), then, unless it is alone: format (1), flags (1), number of markers (1), and as
 * the flags say issue time (8, big-endian), successor (32 + 60), previous (32 + 8 + 8, + 60), number of traits (1),
 * decision id (8) and traits (8 each), markers (8 each).
 *
 * @throws {RangeError} A part has a wrong length, which is a bug of the caller.
 */
export function encodeTokenState(state: TokenState): Uint8Array {
  const { current, issuedAtMs, successor, previous, clients, retired } = state;
  assertLength(current, TOKEN_HASH_BYTES);
  const flags =
    (issuedAtMs === undefined ? 0 : HAS_ISSUED_AT) |
    (successor ? HAS_SUCCESSOR : 0) |
    (previous ? HAS_PREVIOUS : 0) |
    (previous?.wrap ? HAS_PREVIOUS_WRAP : 0) |
    (clients ? HAS_CLIENTS : 0) |
    (state.awaitsReauthentication ? AWAITS_REAUTHENTICATION : 0);
  if (flags === 0 && retired.length === 0) return new Uint8Array(current);
  if (retired.length > MAX_RETIRED_MARKERS) throw new RangeError(`a token state has ${retired.length} markers`);
  const parts: Uint8Array[] = [current, Uint8Array.of(FORMAT, flags, retired.length)];
  const put = (part: Uint8Array, length: number) => {
    assertLength(part, length);
    parts.push(part);
  };
  if (issuedAtMs !== undefined) put(encodeInstant(issuedAtMs), INSTANT_BYTES);
  if (successor) {
    put(successor.hash, TOKEN_HASH_BYTES);
    put(successor.wrap, TOKEN_WRAP_BYTES);
  }
  if (previous) {
    put(previous.hash, TOKEN_HASH_BYTES);
    put(encodeInstant(previous.graceUntilMs), INSTANT_BYTES);
    put(previous.promotionId, PROMOTION_ID_BYTES);
    if (previous.wrap) put(previous.wrap, TOKEN_WRAP_BYTES);
  }
  if (clients) {
    const { traits, decisionId } = clients;
    if (!isTraitCount(traits.length)) throw new RangeError(`a token state has ${traits.length} traits`);
    parts.push(Uint8Array.of(traits.length));
    put(decisionId, DECISION_ID_BYTES);
    for (const trait of traits) put(trait, CLIENT_TRAIT_BYTES);
  }
  for (const marker of retired) put(marker, TOKEN_MARKER_BYTES);
  return new Uint8Array(Buffer.concat(parts));
}

/**
 * Decodes a state. Its parts are views of the given bytes.
 *
 * @returns `undefined` when the bytes are broken, of a later format, or not as `encodeTokenState` writes them.
 */
export function decodeTokenState(bytes: Uint8Array): TokenState | undefined {
  if (bytes.byteLength < TOKEN_HASH_BYTES || bytes.byteLength > MAX_TOKEN_STATE_BYTES) return undefined;
  const current = bytes.subarray(0, TOKEN_HASH_BYTES);
  if (bytes.byteLength === TOKEN_HASH_BYTES) return { current, retired: [] };
  const [format, flags = 0, count = 0] = bytes.subarray(TOKEN_HASH_BYTES, TOKEN_HASH_BYTES + HEADER_BYTES);
  if (format !== FORMAT || !isCanonical(flags, count)) return undefined;
  const traitCount = flags & HAS_CLIENTS ? bytes[traitCountAt(flags)] : 0;
  if (bytes.byteLength !== lengthOf(flags, { count, traitCount })) return undefined;
  let offset = TOKEN_HASH_BYTES + HEADER_BYTES;
  const take = (length: number) => bytes.subarray(offset, (offset += length));
  const takeInstant = () => decodeInstant(take(INSTANT_BYTES));
  const issuedAtMs = flags & HAS_ISSUED_AT ? takeInstant() : undefined;
  const successor = flags & HAS_SUCCESSOR ? { hash: take(TOKEN_HASH_BYTES), wrap: take(TOKEN_WRAP_BYTES) } : undefined;
  const previous =
    flags & HAS_PREVIOUS
      ? {
          hash: take(TOKEN_HASH_BYTES),
          graceUntilMs: takeInstant(),
          promotionId: take(PROMOTION_ID_BYTES),
          ...(flags & HAS_PREVIOUS_WRAP && { wrap: take(TOKEN_WRAP_BYTES) }),
        }
      : undefined;
  if (flags & HAS_CLIENTS) offset += 1;
  const clients =
    flags & HAS_CLIENTS
      ? {
          decisionId: take(DECISION_ID_BYTES),
          traits: Array.from({ length: traitCount ?? 0 }, () => take(CLIENT_TRAIT_BYTES)),
        }
      : undefined;
  if (!isInstantMs(issuedAtMs ?? 0) || !isInstantMs(previous?.graceUntilMs ?? 0)) return undefined;
  const retired = Array.from({ length: count }, () => take(TOKEN_MARKER_BYTES));
  return {
    current,
    ...(issuedAtMs !== undefined && { issuedAtMs }),
    ...(successor && { successor }),
    ...(previous && { previous }),
    ...(clients && { clients }),
    ...(flags & AWAITS_REAUTHENTICATION && { awaitsReauthentication: true as const }),
    retired,
  };
}

function isCanonical(flags: number, count: number): boolean {
  if (flags === 0 && count === 0) return false;
  if (flags > ALL_FLAGS || count > MAX_RETIRED_MARKERS) return false;
  return (flags & HAS_PREVIOUS) !== 0 || (flags & HAS_PREVIOUS_WRAP) === 0;
}

/** Returns `NaN`, which equals no length, for a count of traits that is never written. */
function lengthOf(flags: number, { count, traitCount }: { count: number; traitCount: number | undefined }): number {
  const clientBytes = flags & HAS_CLIENTS ? 1 + DECISION_ID_BYTES + lengthOfTraits(traitCount) : 0;
  return traitCountAt(flags) + clientBytes + count * TOKEN_MARKER_BYTES;
}

function lengthOfTraits(count = 0): number {
  return isTraitCount(count) ? count * CLIENT_TRAIT_BYTES : NaN;
}

function isTraitCount(count: number): boolean {
  return count >= 1 && count <= MAX_CLIENT_TRAITS;
}

/** The offset of the number of traits: after everything except the traits and the markers. */
function traitCountAt(flags: number): number {
  return (
    TOKEN_HASH_BYTES +
    HEADER_BYTES +
    (flags & HAS_ISSUED_AT ? INSTANT_BYTES : 0) +
    (flags & HAS_SUCCESSOR ? TOKEN_HASH_BYTES + TOKEN_WRAP_BYTES : 0) +
    (flags & HAS_PREVIOUS ? TOKEN_HASH_BYTES + INSTANT_BYTES + PROMOTION_ID_BYTES : 0) +
    (flags & HAS_PREVIOUS_WRAP ? TOKEN_WRAP_BYTES : 0)
  );
}

function encodeInstant(ms: number): Uint8Array {
  if (!isInstantMs(ms)) throw new RangeError('a token state has an instant out of range');
  const bytes = Buffer.alloc(INSTANT_BYTES);
  bytes.writeBigUInt64BE(BigInt(ms));
  return bytes;
}

function decodeInstant(bytes: Uint8Array): number {
  return Number(Buffer.from(bytes).readBigUInt64BE());
}

function assertLength(part: Uint8Array, length: number): void {
  if (part.byteLength !== length) throw new RangeError(`a part of a token state has ${part.byteLength} bytes`);
}

function isInstantMs(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_INSTANT_MS;
}
