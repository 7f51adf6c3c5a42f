/** Base of every error that this library throws. `code` is stable; no message holds a token or a hash. */
export abstract class SessionError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option is wrong. Thrown at boot; the message starts with the option's name. */
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

/** An argument is wrong in a way that no store could accept: an empty user id, data that is not JSON. */
export class SessionArgumentError extends SessionError {
  readonly code = 'SESSION_ARGUMENT';
}

/**
 * The backend did not answer in time or refused to. Says nothing about any session: never treat it as "signed out".
 * Over HTTP it becomes 503 with `Retry-After`, and the cookie stays.
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
 * The backend answered and refused this one command, such as a write while it is out of memory. Others may be answered, so
 * to circuit breakers this is no outage.
 */
export class SessionStoreRefusedError extends SessionStoreUnavailableError {}

/**
 * The session is live, but its data is not at hand: the side that holds it does not answer. Thrown by touching
 * `session.data`, so that nobody mistakes an outage for an empty session. Over HTTP it becomes 503.
 */
export class SessionDataUnavailableError extends SessionStoreUnavailableError {
  override readonly code = 'SESSION_DATA_UNAVAILABLE';
}

/** The memory store holds as many live sessions as it was allowed to. */
export class SessionStoreFullError extends SessionStoreUnavailableError {
  override readonly code = 'SESSION_STORE_FULL';
}

/** The session's data would be larger than `maxDataBytes` (bytes of its JSON in UTF-8). Nothing was written. */
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

/** Other writers changed the session's data before every attempt of an update. Nothing was written. */
export class SessionUpdateConflictError extends SessionError {
  readonly code = 'SESSION_UPDATE_CONFLICT';

  constructor(
    readonly sessionId: string,
    attempts: number,
  ) {
    super(`session ${sessionId} was changed by others during all ${attempts} attempts to update it: try again later`);
  }
}

/** The user has `maxSessionsPerUser` live sessions and `onLimit` is `'reject'`. No session was created. */
export class SessionLimitReachedError extends SessionError {
  readonly code = 'SESSION_LIMIT_REACHED';

  constructor(
    readonly userId: string,
    readonly max: number,
  ) {
    super(`the user already has ${max} live sessions, the most that maxSessionsPerUser allows`);
  }
}

/** `isStillAllowed` answered no once the session was stored: it has ended again, and its token never left. */
export class SessionSignInRefusedError extends SessionError {
  readonly code = 'SESSION_SIGN_IN_REFUSED';

  constructor() {
    super('the sign-in was refused by isStillAllowed: the account was disabled while it was under way');
  }
}

/**
 * The revocation could not be guaranteed on every side. A durable retry is queued where that is possible; calling again
 * is safe.
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

/** Whether the error says that a backend did not answer; with `store` given, that very one. */
export function isUnavailable(error: unknown, store?: string): error is SessionStoreUnavailableError {
  return error instanceof SessionStoreUnavailableError && (store === undefined || error.store === store);
}
