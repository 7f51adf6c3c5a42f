/** Injects the `SessionStore` in use. */
export const SESSION_STORE = Symbol('SESSION_STORE');

/** Injects the `SessionModuleOptions` as the application gave them. */
export const SESSION_OPTIONS = Symbol('SESSION_OPTIONS');

/** The options checked, with defaults filled in and durations in ms. */
export const SESSION_SETTINGS = Symbol('SESSION_SETTINGS');

/** What `createSessionService` made: the service and its touch recorder. */
export const SESSION_CORE = Symbol('SESSION_CORE');

/** Name of the job in the `SchedulerRegistry`. */
export const CLEANUP_JOB = 'nest-sessions:cleanup';

export const LOG_CONTEXT = 'Sessions';
