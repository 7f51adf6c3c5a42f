import { cleanText } from '../client/client-details.js';
import type { SessionEventMap } from './session-events.js';

export type AuditLevel = 'info' | 'warn' | 'critical';

/** One event as a flat object of JSON values, with the same fields for every event. `null`: unknown, or none. */
export interface AuditRecord {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The event's name, as in the audit table for those that also have a row there. */
  readonly event: AuditEventName;
  /** The name in the OWASP Logging Vocabulary; `null` when it has none. */
  readonly owasp: string | null;
  readonly level: AuditLevel;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly reason: string | null;
  /** The id of the user or operator who acted, when given; `null` for the library itself. */
  readonly actor: string | null;
  /** Fields of this event alone: texts, numbers and flags. */
  readonly [detail: string]: string | number | boolean | null;
}

type Event<Name extends keyof SessionEventMap> = SessionEventMap[Name];
type Fields = { readonly at: Date } & Readonly<Record<string, string | number | boolean | null | Date>>;

interface Kind<Name extends keyof SessionEventMap> {
  readonly event: string;
  readonly level: AuditLevel;
  readonly toFields: (event: Event<Name>) => Fields;
}

const MAX_TEXT = 512;

/** A new event is one entry here; `docs/audit.md` has a line for each. */
const KINDS = {
  created: {
    event: 'session.created',
    level: 'info',
    toFields: (session: Event<'created'>) => ({
      at: session.createdAt,
      owasp: 'session_created',
      ...ofSession(session),
      amr: session.amr.join(' ') || null,
      isNewDevice: session.isNewDevice ?? null,
    }),
  },
  rotated: {
    event: 'session.rotated',
    level: 'info',
    toFields: (session: Event<'rotated'>) => ({
      at: session.checkedAt,
      owasp: 'session_renewed',
      ...ofSession(session),
    }),
  },
  reauthenticated: {
    event: 'session.reauthenticated',
    level: 'info',
    toFields: (session: Event<'reauthenticated'>) => ({
      at: session.checkedAt,
      owasp: 'session_renewed',
      ...ofSession(session),
      amr: session.amr.join(' ') || null,
      assuranceLevel: session.assuranceLevel,
    }),
  },
  ended: {
    event: 'session.ended',
    level: 'info',
    toFields: ({ id, userId, endedAt, endReason, endedBy }: Event<'ended'>) => ({
      at: endedAt,
      owasp: endReason === 'logout' ? 'session_logout' : 'session_expired',
      sessionId: id,
      userId,
      reason: endReason,
      actor: endedBy,
    }),
  },
  'everything-ended': {
    event: 'everything.ended',
    level: 'warn',
    toFields: ({ before, endReason, endedBy }: Event<'everything-ended'>) => ({
      at: new Date(),
      before: before.toISOString(),
      reason: endReason,
      actor: endedBy,
    }),
  },
  'reuse-detected': {
    event: 'session.reuse_detected',
    level: 'critical',
    toFields: ({ id, userId, detectedAt, isRevoked }: Event<'reuse-detected'>) => ({
      at: detectedAt,
      sessionId: id,
      userId,
      isRevoked,
    }),
  },
  'csrf-rejected': {
    event: 'session.csrf_rejected',
    level: 'warn',
    toFields: ({ refusal, ...rest }: Event<'csrf-rejected'>) => ({ ...rest, reason: refusal }),
  },
  'isolation-rejected': {
    event: 'session.isolation_rejected',
    level: 'warn',
    toFields: ({ refusal, ...rest }: Event<'isolation-rejected'>) => ({ ...rest, reason: refusal }),
  },
  'used-after-end': {
    event: 'session.use_after_end',
    level: 'critical',
    toFields: ({ id, ...rest }: Event<'used-after-end'>) => ({
      ...rest,
      owasp: 'session_use_after_expire',
      sessionId: id,
    }),
  },
  'unknown-tokens': {
    event: 'session.unknown_token',
    level: 'warn',
    toFields: ({ byReason, since, ...rest }: Event<'unknown-tokens'>) => ({
      ...rest,
      since: since.toISOString(),
      unknown: byReason.unknown,
      wrongSecret: byReason['wrong-secret'],
      forged: byReason.forged,
    }),
  },
  'cookie-ambiguous': {
    event: 'session.cookie_ambiguous',
    level: 'warn',
    toFields: ({ contradiction, ...rest }: Event<'cookie-ambiguous'>) => ({ ...rest, reason: contradiction }),
  },
  anomaly: {
    event: 'session.anomaly',
    level: 'warn',
    toFields: ({ id, changes, ...rest }: Event<'anomaly'>) => ({
      ...rest,
      sessionId: id,
      reason: changes.join(' and '),
    }),
  },
  'limit-exceeded': {
    event: 'session.limit_exceeded',
    level: 'warn',
    toFields: ({ id, outcome, ...rest }: Event<'limit-exceeded'>) => ({
      ...rest,
      owasp: 'excess_sessions_exceeded',
      sessionId: id,
      reason: outcome,
    }),
  },
  'step-up-required': {
    event: 'session.stepup_required',
    level: 'info',
    toFields: ({ id, ...rest }: Event<'step-up-required'>) => ({ ...rest, sessionId: id }),
  },
  'store-unavailable': {
    event: 'store.unavailable',
    level: 'warn',
    toFields: ({ state, ...rest }: Event<'store-unavailable'>) => ({
      ...rest,
      reason: state,
      level: state === 'recovered' ? ('info' as const) : ('warn' as const),
    }),
  },
} as const satisfies { readonly [Name in keyof SessionEventMap]: Kind<Name> };

export type AuditEventName = (typeof KINDS)[keyof SessionEventMap]['event'];

/** The audit names of all events and their usual levels, for documentation. */
export const AUDIT_EVENTS: Readonly<Record<keyof SessionEventMap, Pick<Kind<never>, 'event' | 'level'>>> = KINDS;

/**
 * Turns an event into a record of the audit log, to be logged as a line of JSON. Texts are cut at 512 characters, without
 * control characters, which could forge lines or command a terminal (ASVS 16.4.1). It holds no token or hash.
 *
 * @example
 * service.events.onAny((name, event) => logger.log(JSON.stringify(toAuditRecord(name, event))));
 */
export function toAuditRecord<Name extends keyof SessionEventMap>(name: Name, event: Event<Name>): AuditRecord {
  const { event: auditName, level, toFields } = KINDS[name] as unknown as Kind<Name> & { event: AuditEventName };
  const { at, ...fields } = toFields(event);
  const unknown = { sessionId: null, userId: null, ipAddress: null, userAgent: null, reason: null, actor: null };
  const record = { at: at.toISOString(), event: auditName, owasp: null, level, ...unknown, ...fields };
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [key, typeof value === 'string' ? cleanText(value, MAX_TEXT) : value]),
  ) as unknown as AuditRecord;
}

function ofSession({
  id,
  userId,
  ipAddress,
  userAgent,
}: Pick<Event<'rotated'>, 'id' | 'userId' | 'ipAddress' | 'userAgent'>) {
  return { sessionId: id, userId, ipAddress, userAgent };
}
