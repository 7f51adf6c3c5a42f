import { setClosing, setCsrfExempt, setEmbedding, setTouching } from '../access/session-metadata.js';

/**
 * Keeps requests to a handler, or to all handlers of a class, from counting as activity: for polling, which would keep an
 * abandoned session alive (ASVS 7.3.1).
 *
 * @example
 * @NoTouch()
 * @Get('notifications')
 * notifications() {}
 */
export const NoTouch = () => setTouching(false);

/**
 * Cuts the response off when the session ends that `SessionGuard` accepted, within about a second on every instance: for
 * long downloads and streams. Handlers with `@Sse()` behave so without it.
 *
 * @example
 * @CloseWithSession()
 * @Get('export')
 * export(): StreamableFile {}
 *
 * @see The section "WebSockets, GraphQL, server-sent events" of the README.
 */
export const CloseWithSession = () => setClosing();

/**
 * Allows other sites to send unsafe requests to a handler, or to all handlers of a class: for callbacks that a browser
 * carries from an identity or payment provider as a form. Such a callback must prove itself by a signature or a `state`. On a
 * class it does not reach subclasses.
 *
 * @example
 * @CsrfExempt()
 * @Public()
 * @Post('callback')
 * callback() {}
 *
 * @see The section "Requests from other sites" of the README.
 */
export const CsrfExempt = () => setCsrfExempt();

/**
 * Allows other sites to embed or fetch the responses of a handler, or of all handlers of a class: as an image or frame, or by
 * CORS. For use with the option `resourceIsolation`. On a class it does not reach subclasses.
 *
 * @example
 * @AllowEmbedding()
 * @Get('badge.svg')
 * badge() {}
 *
 * @see The section "Requests from other sites" of the README.
 */
export const AllowEmbedding = () => setEmbedding();
