import type { CreatedSession } from '../../core/service/session-service.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';

/** How a client carries its session: a cookie, which the browser sends by itself, or a header that the client sets. */
export type SessionTransportName = 'cookie' | 'bearer';

/** Brings a token to the client of one request and takes it back. */
export interface SessionTransport {
  readonly name: SessionTransportName;
  /** Hands over a new token. Only while headers can still be set. */
  deliver(created: CreatedSession): void;
  /**
   * Takes the token back, as far as the client obeys.
   *
   * @param clearSiteData - What else a browser should delete. Default: the module's option.
   */
  withdraw(clearSiteData?: readonly ClearSiteData[]): void;
}

/** The tokens that a request carried. */
export interface CarriedTokens {
  /** How they came; `undefined` when there are none. `'bearer'` only when there was no session cookie. */
  readonly transport: SessionTransportName | undefined;
  readonly token: string | undefined;
  /** Why none of the tokens is believed, for the log. */
  readonly contradiction?: 'two cookies' | 'cookie and bearer' | 'several Authorization headers';
  /** The tokens that are not believed. */
  readonly rejectedTokens: readonly string[];
}
