import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DemoConfig } from '../config/demo-config.js';
import { printableUrl } from '../config/environment.js';
import { findProjectRoot } from '../config/project-root.js';

type EmbeddedPostgresModule = typeof import('../../../../scripts/lib/embedded-postgres.mjs');

/** What the server itself writes, which begins with the time or continues such a line. */
const SERVER_LINE = /^(?:\d{4}-\d\d-\d\d |\s)/;

/** Where users, and sessions if Postgres keeps them, live. */
export interface OpenDatabase {
  readonly url: string;
  /** For people; holds no password. */
  readonly description: string;
  /** Stops the embedded server; does nothing to one that was only named by `DATABASE_URL`. */
  stop(): Promise<void>;
}

/** The database of `DATABASE_URL`, or else a real Postgres started from an npm package, whose data outlives the process. */
export async function openDatabase(
  { databaseUrl, dataDir }: Pick<DemoConfig, 'databaseUrl' | 'dataDir'>,
  log: (line: string) => void,
): Promise<OpenDatabase> {
  if (databaseUrl) {
    return { url: databaseUrl, description: `${printableUrl(databaseUrl)} (DATABASE_URL)`, stop: async () => {} };
  }
  // By its path, because the build does not copy it beside the compiled application.
  const path = join(findProjectRoot(), 'scripts', 'lib', 'embedded-postgres.mjs');
  const { startEmbeddedPostgres } = (await import(pathToFileURL(path).href)) as EmbeddedPostgresModule;
  const server = await startEmbeddedPostgres({
    dataDir: join(dataDir, 'postgres'),
    persistent: true,
    log: (line) => {
      if (!SERVER_LINE.test(line)) log(line);
    },
  });
  return {
    url: server.url,
    description: `an embedded Postgres with its data in ${server.dataDir} (DATABASE_URL is not set)`,
    stop: () => server.stop(),
  };
}
