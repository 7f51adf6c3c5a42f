import { setClosing } from '../access/session-metadata.js';

/**
 * Cuts the response off when the session ends that `SessionGuard` let in, within about a second on every instance: for
 * long downloads and streams. Handlers with `@Sse()` are treated so without it.
 */
export const CloseWithSession = () => setClosing();
