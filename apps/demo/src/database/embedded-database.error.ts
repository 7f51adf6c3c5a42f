/** The embedded Postgres does not start, for a reason outside the program. The message says what to do. */
export class EmbeddedDatabaseError extends Error {
  constructor(problem: string, options?: ErrorOptions) {
    super(`the embedded Postgres does not start: ${problem}`, options);
    this.name = 'EmbeddedDatabaseError';
  }
}
