/**
 * The base class of every error that this library throws. Compare `code`, which is stable, rather than the message. No
 * message holds a token or a hash.
 */
export abstract class SessionError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * An option is not valid. Thrown at boot, and by methods that are given an invalid duration. The message starts with
 * the option's name. Correct the configuration: a retry does not help.
 */
export class SessionConfigurationError extends SessionError {
  readonly code = 'SESSION_CONFIGURATION';

  constructor(
    readonly option: string,
    problem: string,
    options?: { cause?: unknown },
  ) {
    super(`${option} ${problem}`, options);
  }
}

/**
 * An argument is not valid, such as an empty user id or data that is not JSON. Thrown before any store call. It is a bug of
 * the caller: correct the call.
 */
export class SessionArgumentError extends SessionError {
  readonly code = 'SESSION_ARGUMENT';
}

/**
 * The backend did not answer in time, or refused to. Thrown by every method that asks the store.
 *
 * It says nothing about any session: never treat it as "signed out". Try again later. Over HTTP it becomes a 503 with
 * `Retry-After`, and the client keeps its cookie.
 */
export class SessionStoreUnavailableError extends SessionError {
  readonly code: string = 'SESSION_STORE_UNAVAILABLE';

  constructor(
    readonly store: string,
    problem: string,
    options?: { cause?: unknown },
  ) {
    super(`session store "${store}" is unavailable: ${problem}`, options);
  }
}

/**
 * The backend answered, but refused this one command, such as a write while it is out of memory. It may accept others, so
 * circuit breakers do not count this as an outage. Treat it as `SessionStoreUnavailableError`.
 */
export class SessionStoreRefusedError extends SessionStoreUnavailableError {}

/**
 * The session is live, but the side that holds its data does not answer. Thrown when `session.data` is read, so that an
 * outage is not mistaken for an empty session. Try again later. Over HTTP it becomes a 503.
 */
export class SessionDataUnavailableError extends SessionStoreUnavailableError {
  override readonly code = 'SESSION_DATA_UNAVAILABLE';
}

/** The memory store holds `maxSessions` live sessions. Thrown by `create`: raise `maxSessions` or choose another store. */
export class SessionStoreFullError extends SessionStoreUnavailableError {
  override readonly code = 'SESSION_STORE_FULL';
}

/**
 * The session's data would exceed `maxDataBytes` (bytes of its JSON in UTF-8). Thrown by `create` and `update`; nothing was
 * written. Keep large values elsewhere and only their key in the session.
 */
export class SessionDataTooLargeError extends SessionError {
  readonly code = 'SESSION_DATA_TOO_LARGE';

  constructor(
    readonly sizeBytes: number,
    readonly maxBytes: number,
  ) {
    super(
      `session data would be ${sizeBytes} bytes, over the limit of ${maxBytes}: keep large values elsewhere and store their key, or raise maxDataBytes`,
    );
  }
}

/**
 * Other writers changed the session's data before each attempt of an `update`, or an earlier update of the session took too
 * long. Nothing was written. Try again later; values that change all the time belong in a database.
 */
export class SessionUpdateConflictError extends SessionError {
  readonly code = 'SESSION_UPDATE_CONFLICT';

  constructor(
    readonly sessionId: string,
    problem: string,
  ) {
    super(`session ${sessionId} ${problem}`);
  }
}

/**
 * The user has `maxSessionsPerUser` live sessions and `onLimit` is `'reject'`. Thrown by `create`; no session was created.
 * Ask the user to end a session elsewhere. Over HTTP it becomes a 409 unless the application catches it.
 */
export class SessionLimitReachedError extends SessionError {
  readonly code = 'SESSION_LIMIT_REACHED';

  constructor(
    readonly userId: string,
    readonly max: number,
  ) {
    super(`the user already has ${max} live sessions, the most that maxSessionsPerUser allows`);
  }
}

/**
 * `isStillAllowed` did not return `true` after the session was stored. Thrown by `create`: the session has ended again, and
 * its token was never handed out. Treat it as a failed sign-in.
 */
export class SessionSignInRefusedError extends SessionError {
  readonly code = 'SESSION_SIGN_IN_REFUSED';

  constructor() {
    super('the sign-in was refused by isStillAllowed: the account was disabled while it was under way');
  }
}

/**
 * The revocation could not be guaranteed on every side of the store. Thrown by the revoking methods. A durable retry is
 * queued where that is possible; calling the method again is safe.
 */
export class RevocationIncompleteError extends SessionStoreUnavailableError {
  override readonly code = 'SESSION_REVOCATION_INCOMPLETE';

  constructor(
    store: string,
    readonly pending: string,
    options?: { cause?: unknown },
  ) {
    super(store, `the revocation is still pending in ${pending}`, options);
  }
}

/** Returns whether a backend did not answer; with `store` given, whether it was that one. */
export function isUnavailable(error: unknown, store?: string): error is SessionStoreUnavailableError {
  return error instanceof SessionStoreUnavailableError && (store === undefined || error.store === store);
}
