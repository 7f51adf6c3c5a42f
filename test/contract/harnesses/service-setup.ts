import { WatchedSessionStore } from '#src/core/events/watched-session.store.js';
import { createSessionService, type SessionServiceSettings } from '#src/core/service/create-session-service.js';
import type { SessionPolicy } from '#src/core/session/session-policy.js';
import type { SessionService } from '#src/core/service/session-service.js';
import type { TouchRecorder } from '#src/core/service/touch-recorder.js';
import type { SessionEventMap } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { RecordingLogger } from '#src/testing/world/recording-logger.js';
import { watchStore, type WatchedStore } from './watch-store.js';

export const POLICY: SessionPolicy = {
  idleTimeoutMs: 30 * 60_000,
  absoluteTimeoutMs: 12 * 3_600_000,
  touchIntervalMs: 60_000,
  onLimit: 'revoke-oldest',
  secondFactorTimeoutMs: 600_000,
  maxDataBytes: 4096,
};

/** What becomes of sessions; other events have specs of their own. */
type ServiceEvent =
  'created' | 'rotated' | 'reauthenticated' | 'ended' | 'everything-ended' | 'reuse-detected' | 'anomaly';

export type HeardEvent = { [Name in ServiceEvent]: readonly [Name, SessionEventMap[Name]] }[ServiceEvent];

export interface ServiceSetUp {
  readonly service: SessionService;
  readonly touches: TouchRecorder;
  readonly watched: WatchedStore;
  /** Every event, in order. */
  readonly heard: HeardEvent[];
  /** Every line logged. */
  readonly lines: string[];
}

interface ServiceExtras extends Pick<SessionServiceSettings, 'onAnomaly' | 'toStoredIpAddress'> {
  readonly tokenKeys?: readonly string[];
}

/** A session service on a store whose calls, events and log lines are written down. */
export function setUpService(
  store: SessionStore,
  { tokenKeys, onAnomaly, toStoredIpAddress, ...policy }: Partial<SessionPolicy> & ServiceExtras = {},
): ServiceSetUp {
  const watched = watchStore(store);
  const logger = new RecordingLogger();
  const { service, touches } = createSessionService({
    store: new WatchedSessionStore(watched.store),
    policy: { ...POLICY, ...policy },
    logger,
    tokenKeys,
    onAnomaly,
    toStoredIpAddress,
  });
  const heard: HeardEvent[] = [];
  service.events.on('created', (event) => void heard.push(['created', event]));
  service.events.on('rotated', (event) => void heard.push(['rotated', event]));
  service.events.on('reauthenticated', (event) => void heard.push(['reauthenticated', event]));
  service.events.on('ended', (event) => void heard.push(['ended', event]));
  service.events.on('reuse-detected', (event) => void heard.push(['reuse-detected', event]));
  service.events.on('anomaly', (event) => void heard.push(['anomaly', event]));
  service.events.on('everything-ended', (event) => void heard.push(['everything-ended', event]));
  return { service, touches, watched, heard, lines: logger.lines };
}
