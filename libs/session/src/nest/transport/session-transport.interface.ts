import type { CreatedSession } from '../../core/service/session-service.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';

/** How a client carries its session: a browser's cookie, which goes along by itself, or a header that it sends itself. */
export type SessionTransportName = 'cookie' | 'bearer';

/** One way of one exchange to bring a token to the client and take it back. */
export interface SessionTransport {
  readonly name: SessionTransportName;
  /** Hands over a new token. Only while headers can still be set. */
  deliver(created: CreatedSession): void;
  /**
   * Takes the token back as far as the client lets itself be told.
   *
   * @param clearSiteData - What else a browser should delete; none given: as the module's options say.
   */
  withdraw(clearSiteData?: readonly ClearSiteData[]): void;
}

/** What a request brought to say which session it belongs to. */
export interface CarriedTokens {
  /** By which way; `undefined` when it brought nothing. Only `'bearer'` when it brought no session cookie. */
  readonly transport: SessionTransportName | undefined;
  readonly token: string | undefined;
  /** Why none of its tokens is believed, for the log. */
  readonly contradiction?: 'two cookies' | 'cookie and bearer' | 'several Authorization headers';
  /** The tokens that are not believed. */
  readonly rivals: readonly string[];
}
