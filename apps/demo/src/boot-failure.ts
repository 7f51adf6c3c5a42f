import { SessionConfigurationError, SessionStoreUnavailableError } from 'nest-sessions';
import { DemoConfigError } from './config/demo-config.error.js';
import type { DemoConfig } from './config/demo-config.js';

/** One line for people when the reason is outside the program; `undefined` when it is a mistake inside, which needs its stack. */
export function explainBootFailure(error: unknown, config?: DemoConfig): string | undefined {
  if (error instanceof DemoConfigError) return error.message;
  if (error instanceof SessionConfigurationError || error instanceof SessionStoreUnavailableError) return error.message;
  if (!(error instanceof Error)) return undefined;
  const code = codeOf(error);
  if (code === 'EADDRINUSE' && config) {
    return `PORT ${config.port} is in use on ${config.host}: stop what listens there, or choose another, such as PORT=${config.port + 1}`;
  }
  if (code === 'EACCES' && config) return `PORT ${config.port} may not be used by this user: choose one above 1023`;
  if ((code === 'ENOTFOUND' || code === 'EADDRNOTAVAIL') && isListening(error) && config) {
    return `HOST ${config.host} is no address of this computer`;
  }
  if (config?.databaseUrl && isDatabaseRefusal(code)) {
    return `DATABASE_URL does not work: ${error.message || code}`;
  }
  return undefined;
}

function isListening(error: Error): boolean {
  return 'syscall' in error && (error.syscall === 'listen' || error.syscall === 'getaddrinfo');
}

/** The network's codes and Postgres' five characters for a refused sign-in, database or connection. */
function isDatabaseRefusal(code: string): boolean {
  return (
    /^(?:ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH)/.test(code) || /^(?:28|3D|08|53|57)[0-9A-Z]{3}$/.test(code)
  );
}

/** A connection to a name with several addresses fails with an error for each. */
function codeOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error && 'code' in first ? String(first.code) : '';
}
