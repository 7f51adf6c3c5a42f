import type { CreatedSession } from '../../core/service/session-service.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';

/** The way a client sends its token: in a cookie, which browsers send by themselves, or in a header that the client sets. */
export type SessionTransportName = 'cookie' | 'bearer';

/** Sends a token to the client of one request, and removes it. */
export interface SessionTransport {
  readonly name: SessionTransportName;
  /** Sends a new token. Only while headers can still be set. */
  deliver(created: CreatedSession): void;
  /**
   * Removes the token from the client, as far as the client complies.
   *
   * @param clearSiteData - Other data that a browser should delete. Default: the module's option.
   */
  withdraw(clearSiteData?: readonly ClearSiteData[]): void;
}

/** The tokens that a request carried. */
export interface CarriedTokens {
  /** `undefined` when there are none. `'bearer'` only when there was no session cookie. */
  readonly transport: SessionTransportName | undefined;
  readonly token: string | undefined;
  /** The reason why all tokens are rejected, for the log. */
  readonly contradiction?: 'two cookies' | 'cookie and bearer' | 'several Authorization headers';
  /** Tokens that contradict each other. Not one of them is accepted. */
  readonly rejectedTokens: readonly string[];
}
