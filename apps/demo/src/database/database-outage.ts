import { ServiceUnavailableException } from '@nestjs/common';

// Connection refused, lost or timed out; SQLSTATE classes 08 (connection), 53 (resources), 57P (shutdown).
const OUTAGE_CODE = /^(?:ECONN|EPIPE|ETIMEDOUT|08|53|57P)/;
const OUTAGE_MESSAGE = /timeout|connection terminated/i;

/** Runs a query; an outage of the database becomes 503 rather than 500. */
export async function withOutagesAs503<Result>(query: () => Promise<Result>): Promise<Result> {
  try {
    return await query();
  } catch (error) {
    if (!isOutage(error)) throw error;
    throw new ServiceUnavailableException('The database does not answer.', { cause: error });
  }
}

function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return OUTAGE_CODE.test(code) || OUTAGE_MESSAGE.test(error.message);
}
