import { join } from 'node:path';
import { isAlive, startEmbeddedPostgres } from 'local-servers';
import { EmbeddedDatabaseError } from './embedded-database.error.js';
import type { OpenDatabase } from './open-database.js';

/** A line of the server itself: it begins with the time, or continues such a line. */
const SERVER_LINE = /^(?:\d{4}-\d\d-\d\d |\s)/;
const LOOK_MS = 500;

export interface EmbeddedDatabaseSettings {
  readonly dataDir: string;
  readonly log: (line: string) => void;
}

/** @throws {EmbeddedDatabaseError} Such as when another process uses the folder. */
export async function openEmbeddedDatabase({ dataDir, log }: EmbeddedDatabaseSettings): Promise<OpenDatabase> {
  const server = await startEmbeddedPostgres({
    dataDir: join(dataDir, 'postgres'),
    persistent: true,
    log: (line) => {
      if (!SERVER_LINE.test(line)) log(line);
    },
  }).catch((error: unknown) => {
    if (!isOutsideReason(error)) throw error;
    throw new EmbeddedDatabaseError(error.message, { cause: error });
  });
  const watch = watchFor(() => !isAlive(server.pid));
  return {
    url: server.url,
    description: `an embedded Postgres with its data in ${server.dataDir} (DATABASE_URL is not set)`,
    lost: watch.happened,
    stop: () => {
      watch.end();
      return server.stop();
    },
  };
}

/** An error that the servers' library or the system reports, as opposed to a `TypeError` and its like. */
function isOutsideReason(error: unknown): error is Error {
  return error instanceof Error && (error.name === 'Error' || error.name === 'ServerStartError');
}

/** Looks twice a second, without keeping the process alive. */
function watchFor(condition: () => boolean): { happened: Promise<void>; end: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const end = () => clearInterval(timer);
  const happened = new Promise<void>((resolve) => {
    timer = setInterval(() => {
      if (!condition()) return;
      end();
      resolve();
    }, LOOK_MS).unref();
  });
  return { happened, end };
}
