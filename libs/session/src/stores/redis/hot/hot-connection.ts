import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import { connectBackend, type BackendSettings } from '../connection/connect-backend.js';
import { DeadlineGate } from '../connection/deadline-gate.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { describeRedisError } from '../connection/redis-errors.js';
import { SessionHash } from '../operations/session-hash.js';
import { SessionKeys } from '../schema/session-keys.js';
import { ConnectionCopyReader } from './connection-copy-reader.js';
import type { CopyReader } from './copy-reader.js';
import { CopyScanner } from './copy-scanner.js';
import { GenerationWatch } from './generation-watch.js';
import { HotHash } from './hot-hash.js';
import { KeptRevocations } from './kept-revocations.js';
import { ScriptCopyReader } from './script-copy-reader.js';
import { parseGeneration } from './server-generation.js';

/** Everything that works on one connected client. */
export interface HotConnection {
  readonly backend: RedisBackend;
  readonly reader: CopyReader;
  readonly copies: HotHash;
  readonly scanner: CopyScanner;
  /** The plain store's operations, which do to copies what they do to sessions. */
  readonly sessions: SessionHash;
  readonly revocations: KeptRevocations;
  /** Tells that a script ran on a server of this generation. */
  readonly noticeGeneration: (generation: string) => void;
  close(): void;
}

/**
 * Connects and makes sure that copies can be confirmed there; on failure nothing stays open.
 *
 * @throws {SessionConfigurationError} It never will be possible, as it is set up.
 * @throws {SessionStoreUnavailableError} Nobody answered in time.
 */
export async function connectHot(settings: BackendSettings): Promise<HotConnection> {
  const { keyPrefix, logger, startTimeoutMs } = settings;
  const backend = await connectBackend(settings, 'epoch');
  try {
    await new DeadlineGate(startTimeoutMs).run(() => checkGeneration(backend, settings));
  } catch (error) {
    backend.close();
    throw error;
  }
  const keys = new SessionKeys(keyPrefix);
  const watch = backend.client.isCluster ? undefined : new GenerationWatch(backend);
  watch?.start();
  return {
    backend,
    reader: watch ? new ConnectionCopyReader(backend, keys, watch) : new ScriptCopyReader(backend, keys),
    copies: new HotHash(backend, keys, logger),
    scanner: new CopyScanner(backend, keys),
    sessions: new SessionHash(backend, keys, logger),
    revocations: new KeptRevocations(backend, keyPrefix, logger),
    noticeGeneration: (generation) => watch?.notice(generation),
    close: () => {
      watch?.stop();
      backend.close();
    },
  };
}

async function checkGeneration(backend: RedisBackend, { logger }: BackendSettings): Promise<void> {
  const replication = await backend.readInfo('replication').catch((error: unknown) => {
    const problem = describeRedisError(error);
    if (!problem.includes('NOPERM')) throw error;
    throw new SessionConfigurationError(
      'redisStore',
      `connects as a user who may not ask INFO, without which no copy can be confirmed: ${problem}. Needed are +info and +hdel`,
    );
  });
  if (replication.includes('role:master') && parseGeneration(replication) === undefined) {
    logger.warn(
      'Redis does not tell its replication id (INFO replication, master_replid): no copy of a session can be confirmed ' +
        'there, so every request is answered by the durable side.',
    );
  }
}
