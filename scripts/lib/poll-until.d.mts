/** Waits for something that gives no event. @throws {Error} It names what did not happen in 30 seconds. */
export function pollUntil(what: string, isTrue: () => Promise<boolean>): Promise<void>;
