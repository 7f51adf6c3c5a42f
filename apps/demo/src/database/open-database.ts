import type { DemoConfig } from '../config/demo-config.js';
import { printableUrl } from '../config/environment.js';
import { openEmbeddedDatabase } from './open-embedded-database.js';

/** Where users, and sessions if Postgres keeps them, live. */
export interface OpenDatabase {
  readonly url: string;
  /** For people; holds no password. */
  readonly description: string;
  /** Resolves once the embedded server has ended without `stop`; never for one that was only named by `DATABASE_URL`. */
  readonly lost: Promise<void>;
  /** Stops the embedded server; does nothing to one that was only named by `DATABASE_URL`. */
  stop(): Promise<void>;
}

/** The database of `DATABASE_URL`, or else a real Postgres started from an npm package, whose data outlives the process. */
export async function openDatabase(
  { databaseUrl, dataDir }: Pick<DemoConfig, 'databaseUrl' | 'dataDir'>,
  log: (line: string) => void,
): Promise<OpenDatabase> {
  if (!databaseUrl) return openEmbeddedDatabase({ dataDir, log });
  return {
    url: databaseUrl,
    description: `${printableUrl(databaseUrl)} (DATABASE_URL)`,
    lost: new Promise(() => {}),
    stop: async () => {},
  };
}
