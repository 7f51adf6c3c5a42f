import { setTouching } from '../access/session-metadata.js';

/** Requests do not count as activity: for polling, which would keep an abandoned session alive (ASVS 7.3.1). */
export const NoTouch = () => setTouching(false);
