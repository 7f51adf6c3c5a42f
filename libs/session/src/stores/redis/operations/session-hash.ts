import { randomBytes } from 'node:crypto';
import { containsJson } from '../../../core/session/session-data.js';
import { userReferenceFor, userReferenceOf } from '../../../core/session/session-id.js';
import type { EndedSession } from '../../../core/session/session-record.js';
import type {
  CreateOutcome,
  FindOutcome,
  NewSession,
  RotateOutcome,
  SessionDataChange,
  SessionList,
  SessionListQuery,
  SessionRevocation,
  SessionRotation,
  SessionTouch,
  UpdateOutcome,
  UserRevocation,
} from '../../../core/ports/session-store.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import {
  decodeRecord,
  encodeAuthentication,
  encodeDetails,
  encodeHash,
  encodeUserId,
} from '../schema/record-format.js';
import { ForeignKeys } from '../schema/foreign-keys.js';
import type { FencedScript, RedisBackend } from '../connection/redis-backend.js';
import { unavailable } from '../connection/redis-errors.js';
import { readEnded, readInstant, readList, readLive } from '../schema/script-replies.js';
import type { SessionKeys } from '../schema/session-keys.js';

/**
 * The operations on hashes of sessions, one command each, without deadlines: what is sent and what the reply means.
 *
 * `deadlineAtMs` is monotonic time; a script that runs later does nothing, unless it ends sessions: that it still does,
 * to those that existed before.
 */
export class SessionHash {
  private readonly foreign: ForeignKeys;

  constructor(
    private readonly backend: RedisBackend,
    private readonly keys: SessionKeys,
    private readonly logger: SessionLogger,
  ) {
    this.foreign = new ForeignKeys(logger);
  }

  /** @param session.replaces - Must be in the same hash. */
  async insert(session: NewSession, deadlineAtMs: number): Promise<CreateOutcome> {
    const { id, limit } = session;
    const args = [
      id,
      encodeHash(session.tokenHash),
      encodeUserId(session.userId),
      String(session.idleTimeoutMs),
      String(session.absoluteTimeoutMs),
      encodeDetails(session),
      encodeAuthentication(session),
      JSON.stringify(session.data),
      limit ? String(limit.max) : '',
      limit?.onLimit ?? '',
      session.replaces ?? '',
    ];
    const [status, now = '', value = '', activity = '', ...ended] = await this.backend.runBefore(deadlineAtMs, {
      name: 'create',
      key: this.keys.of(id),
      argsFor: (notAfter) => [...args, notAfter],
    });
    if (status === 'limit' || status === 'id-taken') return { created: false, reason: status };
    const live = readLive(id, [now, value, activity]);
    if (!live) throw unavailable('the new session could not be read back');
    return { created: true, ...live, ended: readEnded(live.now, ended) };
  }

  async find(id: string): Promise<FindOutcome> {
    await this.backend.floor.current();
    const [value = null, activity = null] = await this.readFields(id);
    if (value === null) return { live: false, reason: 'unknown' };
    const record = decodeRecord(id, value, activity);
    if (!record) return { live: false, reason: 'undecodable' };
    if (record.createdAt.getTime() < this.backend.floor.seen) return { live: false, reason: 'ended' };
    const nowMs = await this.backend.clock.latestMs();
    const expiresAtMs = Math.min(record.expiresAt.getTime(), record.absoluteExpiresAt.getTime());
    return nowMs < expiresAtMs ? { live: true, record, now: new Date(nowMs) } : { live: false, reason: 'expired' };
  }

  async touch({ id, idleTimeoutMs, touchIntervalMs }: SessionTouch, deadlineAtMs: number): Promise<boolean> {
    const [status] = await this.change(deadlineAtMs, {
      name: 'touch',
      key: this.keys.of(id),
      argsFor: (notAfter) => [id, String(idleTimeoutMs), String(touchIntervalMs), notAfter],
    });
    return status === 'moved';
  }

  async update({ id, expectedVersion, data }: SessionDataChange, deadlineAtMs: number): Promise<UpdateOutcome> {
    const changeId = randomBytes(6).toString('base64url');
    const args = [id, String(expectedVersion), JSON.stringify(data), changeId];
    const [status, ...reply] = await this.change(deadlineAtMs, {
      name: 'update',
      key: this.keys.of(id),
      argsFor: (notAfter) => [...args, notAfter],
    });
    const live = status === 'absent' ? undefined : readLive(id, reply);
    if (!live) return { applied: false, reason: 'absent' };
    return status === 'applied' ? { applied: true, ...live } : { applied: false, reason: 'conflict', ...live };
  }

  async rotate(rotation: SessionRotation, deadlineAtMs: number): Promise<RotateOutcome> {
    const { id, authentication: renewed, endOthers } = rotation;
    const hashes = [encodeHash(rotation.expectedTokenHash), encodeHash(rotation.tokenHash)];
    const renewal = renewed
      ? [encodeAuthentication(renewed), String(renewed.idleTimeoutMs), String(renewed.absoluteTimeoutMs)]
      : ['', '', ''];
    const [status, ...reply] = await this.change(deadlineAtMs, {
      name: 'rotate',
      key: this.keys.of(id),
      argsFor: (notAfter) => [id, ...hashes, notAfter, ...renewal, endOthers?.reason ?? ''],
    });
    if (status === 'superseded') return { applied: false, reason: 'superseded' };
    const [now = '', value = '', activity = '', ...others] = reply;
    const live = status === 'applied' ? readLive(id, [now, value, activity]) : undefined;
    if (!live) return { applied: false, reason: 'absent' };
    const ended = readEnded(live.now, others).map((one) => ({ ...one, endedBy: endOthers?.endedBy ?? null }));
    return { applied: true, ...live, ended };
  }

  async end(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    const ended = await this.endIf(revocation, '');
    return ended === 'changed' ? undefined : ended;
  }

  /** @param authentication - As the record has it in its line; `changed`: the session is live and has another one. */
  async endIf(
    { id, userId, reason, endedBy }: SessionRevocation,
    authentication: string,
  ): Promise<EndedSession | 'changed' | undefined> {
    const owner = userId === undefined ? '*' : encodeUserId(userId);
    const mayDropUnreadable = userId === undefined || userReferenceFor(userId) === userReferenceOf(id);
    const args = [id, owner, mayDropUnreadable ? '1' : '0', authentication];
    const key = this.keys.of(id);
    const [status, now, user = ''] = await this.foreign.skip(key, {
      work: () => this.backend.runScript('revoke', key, args),
      absent: () => [],
    });
    if (status === 'changed') return 'changed';
    const isEnded = status === 'ended' || (status === 'dropped' && reason === 'undecodable');
    if (!isEnded) return undefined;
    const [ended] = readEnded(readInstant(now), [id, user, reason]);
    return ended && { ...ended, endedBy };
  }

  async endAll(revocation: UserRevocation, deadlineAtMs: number): Promise<EndedSession[]> {
    const { userId, exceptId = '', reason, endedBy } = revocation;
    const ended: EndedSession[] = [];
    const collect = ([, now, unreadable, ...ids]: readonly string[]) => {
      if (unreadable !== '0') this.logger.warn(`a revocation dropped ${unreadable} sessions that cannot be decoded`);
      const endedAt = readInstant(now);
      ended.push(...ids.map((id) => ({ id, userId, endedAt, endReason: reason, endedBy })));
    };
    const reply = await this.change(deadlineAtMs, {
      name: 'revokeAll',
      key: this.keys.ofUser(userId),
      argsFor: (notAfter) => [encodeUserId(userId), exceptId, notAfter],
      onLate: collect,
    });
    if (reply[0] !== 'absent') collect(reply);
    return ended;
  }

  async list({ userId, dataContains = {} }: SessionListQuery): Promise<SessionList> {
    const key = this.keys.ofUser(userId);
    const reply = await this.foreign.skip(key, {
      work: () => this.backend.runScript('list', key, [encodeUserId(userId)]),
      absent: () => undefined,
    });
    if (!reply) return { now: new Date(await this.backend.clock.latestMs()), records: [] };
    const { now, records, undecodable } = readList(reply);
    if (undecodable.length > 0) {
      this.logger.warn(`a list leaves out sessions that cannot be decoded: ${undecodable.join(', ')}`);
    }
    return { now, records: records.filter(({ data }) => containsJson(data, dataContains)) };
  }

  /** Record and activity as they are stored, `null` for what is not there. */
  async readFields(id: string): Promise<(string | null)[]> {
    const key = this.keys.of(id);
    return this.foreign.skip(key, {
      work: () => this.backend.readFields(key, id, `${id}:t`),
      absent: () => ['', null],
    });
  }

  /** A script that finds nothing to change under a key of another type. */
  private async change(deadlineAtMs: number, script: FencedScript): Promise<string[]> {
    return this.foreign.skip(script.key, {
      work: () => this.backend.runBefore(deadlineAtMs, script),
      absent: () => ['absent'],
    });
  }
}
