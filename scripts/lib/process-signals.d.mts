/** Whether a process with this id exists, whoever owns it. */
export function isAlive(pid: number): boolean;

/** Sends a signal to a process that may have ended meanwhile. @returns Whether it was there to receive it. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean;
