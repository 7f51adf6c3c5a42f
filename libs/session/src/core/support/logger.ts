/** Satisfied by Nest's `Logger`. */
export interface SessionLogger {
  debug(message: string): void;
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
