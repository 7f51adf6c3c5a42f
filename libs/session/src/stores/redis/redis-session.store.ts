import { randomBytes } from 'node:crypto';
import { containsJson } from '../../core/session-data.js';
import { userReferenceFor, userReferenceOf } from '../../core/session-id.js';
import type { EndedSession } from '../../core/session-record.js';
import type {
  CleanUpOutcome,
  CreateOutcome,
  FindOutcome,
  NewSession,
  RotateOutcome,
  SessionDataChange,
  SessionList,
  SessionListQuery,
  SessionLogger,
  SessionRevocation,
  SessionRotation,
  SessionStore,
  SessionTouch,
  UpdateOutcome,
  UserRevocation,
} from '../../core/session-store.js';
import { connectBackend } from './connect-backend.js';
import { DeadlineGate } from './deadline-gate.js';
import { decodeRecord, encodeDetails, encodeHash, encodeUserId } from './record-format.js';
import type { RedisBackend } from './redis-backend.js';
import type { RedisConnection } from './redis-connection.js';
import { hasReplyCode, unavailable } from './redis-errors.js';
import { readEnded, readInstant, readList, readLive } from './script-replies.js';

/** Gives the client when the store starts. */
export type RedisConnect = () => Promise<RedisConnection>;

export interface RedisSessionStoreSettings {
  readonly connect: RedisConnect;
  readonly keyPrefix: string;
  readonly operationTimeoutMs: number;
  readonly startTimeoutMs: number;
  readonly logger: SessionLogger;
}

/** What an operation is given: the server, and the deadline in monotonic ms. */
type Operation<T> = (backend: RedisBackend, deadlineAtMs: number) => Promise<T>;

/**
 * Sessions in Redis: one hash per user reference, `<prefix>:{<reference>}`, with two fields per session, `<id>` (record)
 * and `<id>:t` (activity), laid out at the head of `scripts/include/session-hash.lua`. The key expires with the last
 * session inside it.
 *
 * - `find` is one `HMGET`, compared with the server's time; nothing is written.
 * - Everything else is one script on that one key, which reads the server's time itself, so it is atomic in Redis,
 *   Sentinel and Cluster alike. Only `create` inserts fields; nothing else can bring a session back.
 * - A script that runs after its caller gave up does nothing, unless it ends sessions: that it still does, to those that
 *   existed when it was called.
 */
export class RedisSessionStore implements SessionStore {
  readonly name = 'redis';
  private readonly gate: DeadlineGate;
  private backend: RedisBackend | undefined;
  private starting: Promise<void> | undefined;
  private isStopped = false;

  constructor(private readonly settings: RedisSessionStoreSettings) {
    this.gate = new DeadlineGate(settings.operationTimeoutMs);
  }

  /**
   * @throws {SessionConfigurationError} Wrong credentials, missing permissions, or a server older than 6.2.
   * @throws {SessionStoreUnavailableError} Nobody answered at boot.
   */
  start(): Promise<void> {
    this.starting ??= this.open();
    return this.starting;
  }

  async create(session: NewSession): Promise<CreateOutcome> {
    const { id, replaces } = session;
    const isReplacedHere = replaces !== undefined && userReferenceOf(replaces) === userReferenceOf(id);
    const outcome = await this.insert(session, isReplacedHere ? replaces : '');
    if (!outcome.created || replaces === undefined || isReplacedHere) return outcome;
    try {
      const replaced = await this.revoke({ id: replaces, reason: 'replaced', endedBy: null });
      return replaced ? { ...outcome, ended: [...outcome.ended, replaced] } : outcome;
    } catch (error) {
      this.discard(id);
      throw error;
    }
  }

  find(id: string): Promise<FindOutcome> {
    return this.run(async (backend) => {
      const [value = null, activity = null] = await backend
        .readFields(this.keyOf(id), id, `${id}:t`)
        .catch((error: unknown) => {
          if (hasReplyCode(error, 'WRONGTYPE')) return ['', null];
          throw error;
        });
      if (value === null) return { live: false, reason: 'unknown' };
      const record = decodeRecord(id, value, activity);
      if (!record) return { live: false, reason: 'undecodable' };
      const nowMs = await backend.clock.latestMs();
      const expiresAtMs = Math.min(record.expiresAt.getTime(), record.absoluteExpiresAt.getTime());
      return nowMs < expiresAtMs ? { live: true, record, now: new Date(nowMs) } : { live: false, reason: 'expired' };
    });
  }

  touch({ id, idleTimeoutMs, touchIntervalMs }: SessionTouch): Promise<boolean> {
    return this.run(async (backend, deadlineAtMs) => {
      const notAfter = await backend.encodeDeadline(deadlineAtMs);
      const args = [id, String(idleTimeoutMs), String(touchIntervalMs), notAfter];
      const [status] = await backend.runScript('touch', this.keyOf(id), args);
      return status === 'moved';
    });
  }

  update({ id, expectedVersion, data }: SessionDataChange): Promise<UpdateOutcome> {
    const changeId = randomBytes(6).toString('base64url');
    return this.run(async (backend, deadlineAtMs) => {
      const notAfter = await backend.encodeDeadline(deadlineAtMs);
      const args = [id, String(expectedVersion), JSON.stringify(data), changeId, notAfter];
      const [status, ...reply] = refuseLate(await backend.runScript('update', this.keyOf(id), args));
      const live = status === 'absent' ? undefined : readLive(id, reply);
      if (!live) return { applied: false, reason: 'absent' };
      return status === 'applied' ? { applied: true, ...live } : { applied: false, reason: 'conflict', ...live };
    });
  }

  rotate({ id, expectedTokenHash, tokenHash, authentication }: SessionRotation): Promise<RotateOutcome> {
    const renewal = authentication
      ? [authentication.amr, authentication.idleTimeoutMs, authentication.absoluteTimeoutMs].map((one) =>
          JSON.stringify(one),
        )
      : ['', '', ''];
    return this.run(async (backend, deadlineAtMs) => {
      const notAfter = await backend.encodeDeadline(deadlineAtMs);
      const args = [id, encodeHash(expectedTokenHash), encodeHash(tokenHash), notAfter, ...renewal];
      const [status, ...reply] = refuseLate(await backend.runScript('rotate', this.keyOf(id), args));
      if (status === 'superseded') return { applied: false, reason: 'superseded' };
      const live = status === 'applied' ? readLive(id, reply) : undefined;
      return live ? { applied: true, ...live } : { applied: false, reason: 'absent' };
    });
  }

  revoke({ id, userId, reason, endedBy }: SessionRevocation): Promise<EndedSession | undefined> {
    return this.run(async (backend) => {
      const owner = userId === undefined ? '*' : encodeUserId(userId);
      const mayDropUnreadable = userId === undefined || userReferenceFor(userId) === userReferenceOf(id);
      const args = [id, owner, mayDropUnreadable ? '1' : '0'];
      const [status, now, user = ''] = await backend.runScript('revoke', this.keyOf(id), args);
      if (status !== 'ended') return undefined;
      const [ended] = readEnded(readInstant(now), [id, user, reason]);
      return ended && { ...ended, endedBy };
    });
  }

  revokeAll({ userId, exceptId = '', reason, endedBy }: UserRevocation): Promise<EndedSession[]> {
    return this.run(async (backend, deadlineAtMs) => {
      const args = [encodeUserId(userId), exceptId, await backend.encodeDeadline(deadlineAtMs)];
      const reply = refuseLate(await backend.runScript('revokeAll', this.keyOfUser(userId), args));
      const [, now, dropped, ...ids] = reply;
      if (dropped !== '0') this.settings.logger.warn(`${dropped} undecodable sessions were dropped by a revocation`);
      const endedAt = readInstant(now);
      return ids.map((id) => ({ id, userId, endedAt, endReason: reason, endedBy }));
    });
  }

  listByUser({ userId, dataContains = {} }: SessionListQuery): Promise<SessionList> {
    return this.run(async (backend) => {
      const reply = await backend.runScript('list', this.keyOfUser(userId), [encodeUserId(userId)]);
      const { now, records, undecodable } = readList(reply);
      if (undecodable.length > 0) {
        this.settings.logger.warn(`sessions left out of a list, for they cannot be decoded: ${undecodable.join(', ')}`);
      }
      return { now, records: records.filter(({ data }) => containsJson(data, dataContains)) };
    });
  }

  /** Nothing to do: keys expire by themselves, and fields are dropped when their user comes back. */
  async cleanUp(): Promise<CleanUpOutcome> {
    return { expired: 0, purged: 0, auditPurged: 0, state: 'done' };
  }

  /** Nothing is gathered. */
  async flush(): Promise<void> {}

  /** Waits for what is under way, then closes the client if the store opened it. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.starting?.catch(() => undefined);
    await this.gate.idle();
    this.backend?.close();
    this.backend = undefined;
  }

  private async open(): Promise<void> {
    try {
      this.backend = await connectBackend(this.settings);
    } catch (error) {
      this.starting = undefined;
      throw error;
    }
  }

  private insert(session: NewSession, replaces: string): Promise<CreateOutcome> {
    const { id, userId, limit } = session;
    const execute: Operation<CreateOutcome> = async (backend, deadlineAtMs) => {
      const reply = await backend.runScript('create', this.keyOf(id), [
        id,
        encodeHash(session.tokenHash),
        encodeUserId(userId),
        String(session.idleTimeoutMs),
        String(session.absoluteTimeoutMs),
        encodeDetails(session),
        JSON.stringify(session.amr),
        JSON.stringify(session.data),
        limit ? String(limit.max) : '',
        limit?.onLimit ?? '',
        replaces,
        await backend.encodeDeadline(deadlineAtMs),
      ]);
      const [status, now, value = '', activity = '', ...ended] = refuseLate(reply);
      if (status === 'limit' || status === 'id-taken') return { created: false, reason: status };
      const live = readLive(id, [now ?? '', value, activity]);
      if (!live) throw unavailable('the new session could not be read back');
      return { created: true, ...live, ended: readEnded(live.now, ended) };
    };
    return this.run(execute, (outcome) => {
      if (outcome.created) this.discard(id);
    });
  }

  /** Drops a session whose token was never handed out. Should that fail, it is of no use to anybody until it expires. */
  private discard(id: string): void {
    this.revoke({ id, reason: 'replaced', endedBy: null }).catch(() => undefined);
  }

  private async run<T>(operation: Operation<T>, onLateResult?: (result: T) => void): Promise<T> {
    const { backend } = this;
    if (this.isStopped) throw unavailable('it was stopped');
    if (!backend) throw unavailable('it was not started');
    return this.gate.run((deadlineAtMs) => operation(backend, deadlineAtMs), onLateResult);
  }

  private keyOf(sessionId: string): string {
    return `${this.settings.keyPrefix}:{${userReferenceOf(sessionId)}}`;
  }

  private keyOfUser(userId: string): string {
    return `${this.settings.keyPrefix}:{${userReferenceFor(userId)}}`;
  }
}

function refuseLate(reply: string[]): string[] {
  if (reply[0] === 'late') throw unavailable('the command reached the server too late, so it did nothing');
  return reply;
}
