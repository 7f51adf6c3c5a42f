import { SessionConfigurationError, SessionStoreUnavailableError } from 'nest-sessions';
import { DemoConfigError } from './config/demo-config.error.js';
import type { DemoConfig } from './config/demo-config.js';
import { EmbeddedDatabaseError } from './database/embedded-database.error.js';

/** One line for people when the reason is outside the program; `undefined` when it is a mistake inside, which needs its stack. */
export function explainBootFailure(error: unknown, config?: DemoConfig): string | undefined {
  if (error instanceof DemoConfigError || error instanceof EmbeddedDatabaseError) return error.message;
  if (error instanceof SessionConfigurationError || error instanceof SessionStoreUnavailableError) return error.message;
  if (!(error instanceof Error) || !config) return undefined;
  return explainListening(error, config) ?? explainDatabase(error, config);
}

function explainListening(error: Error, { host, port }: DemoConfig): string | undefined {
  const code = codeOf(error);
  if (isLookupOf(host, error)) return `HOST ${host} is no address of this computer`;
  if (!('syscall' in error && error.syscall === 'listen')) return undefined;
  if (code === 'EADDRINUSE') {
    return `PORT ${port} is in use on ${host}: stop what listens there, or choose another, such as PORT=${port + 1}`;
  }
  if (code === 'EACCES') return `PORT ${port} may not be used by this user: choose one above 1023`;
  if (code === 'EADDRNOTAVAIL') return `HOST ${host} is no address of this computer`;
  return undefined;
}

/** The name of the database's host is looked up before, with the same codes. */
function isLookupOf(host: string, error: Error): boolean {
  return (
    /^(?:ENOTFOUND|EAI_AGAIN)$/.test(codeOf(error)) &&
    'syscall' in error &&
    error.syscall === 'getaddrinfo' &&
    'hostname' in error &&
    error.hostname === host
  );
}

function explainDatabase(error: Error, { databaseSchema, databaseUrl }: DemoConfig): string | undefined {
  const code = codeOf(error);
  if (code === '3F000') return `DATABASE_SCHEMA ${databaseSchema} does not exist: create it, or name another`;
  if (databaseUrl && (isDatabaseRefusal(code) || isConnectionFailure(error))) {
    return `DATABASE_URL does not work: ${error.message || code}`;
  }
  return undefined;
}

/** The network's codes and Postgres' five characters for a refused sign-in, database or connection. */
function isDatabaseRefusal(code: string): boolean {
  return (
    /^(?:ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH)/.test(code) || /^(?:28|3D|08|53|57)[0-9A-Z]{3}$/.test(code)
  );
}

/** What the Postgres client says without a code, and the codes of a certificate that does not convince. */
function isConnectionFailure(error: Error): boolean {
  return (
    /\bSSL connections?\b|^connection terminated|^timeout expired/i.test(error.message) ||
    /CERT|^ERR_(?:TLS|SSL)_/.test(codeOf(error))
  );
}

/** A connection to a name with several addresses fails with an error for each. */
function codeOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error && 'code' in first ? String(first.code) : '';
}
