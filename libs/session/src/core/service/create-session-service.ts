import { EndNotifier } from '../events/end-notifier.js';
import { createIpAddressForm, type IpAddressForm } from '../client/ip-address-form.js';
import { NewDevices } from '../events/new-devices.js';
import { SessionAnomalies, type DecideAnomaly } from './session-anomalies.js';
import { SessionAuthenticator } from './session-authenticator.js';
import { SessionCreator } from './session-creator.js';
import { SessionConfirmations } from './session-confirmations.js';
import { CredentialChange } from './credential-change.js';
import { SessionEvents } from '../events/session-events.js';
import type { SessionPolicy } from '../session/session-policy.js';
import { SessionRevocations } from './session-revocations.js';
import { SessionService } from './session-service.js';
import type { SessionLogger } from '../support/logger.js';
import { SessionTokens } from '../token/session-token.js';
import { SessionUpdater } from './session-updater.js';
import type { WatchedSessionStore } from '../events/watched-session.store.js';
import { TokenReplacer } from './token-replacer.js';
import { TokenRenewer } from './token-renewer.js';
import { SuspiciousTokens } from './suspicious-tokens.js';
import { TouchRecorder } from './touch-recorder.js';

export interface SessionServiceSettings {
  readonly store: WatchedSessionStore;
  readonly policy: SessionPolicy;
  readonly logger: SessionLogger;
  /** Newest first. Without keys, tokens are stored as plain SHA-256. */
  readonly tokenKeys?: readonly (string | Uint8Array)[];
  /** Default: the whole address. */
  readonly toStoredIpAddress?: IpAddressForm;
  /** Decides about a session that another client uses. Default: clients are not compared. */
  readonly onAnomaly?: DecideAnomaly;
}

/** Puts a session service together. A shutdown waits for `touches` and `endNotifier` before the store stops, and flushes `suspiciousTokens`. */
export function createSessionService({
  store,
  policy,
  logger,
  tokenKeys,
  toStoredIpAddress = createIpAddressForm('full'),
  onAnomaly: decide,
}: SessionServiceSettings): {
  readonly service: SessionService;
  readonly touches: TouchRecorder;
  readonly endNotifier: EndNotifier;
  readonly suspiciousTokens: SuspiciousTokens;
} {
  const tokens = new SessionTokens(tokenKeys);
  const endNotifier = new EndNotifier(logger, store.signals);
  const devices = new NewDevices(store);
  const events = new SessionEvents(logger, endNotifier, devices);
  store.onAvailabilityChange((event) => events.emit('store-unavailable', event));
  const authenticator = new SessionAuthenticator({ store, tokens, events, logger });
  const touches = new TouchRecorder(store, policy, logger);
  const renewer = new TokenRenewer({ store, policy, tokens, authenticator, events, logger });
  const suspiciousTokens = new SuspiciousTokens({ events, tokens, toStoredIpAddress });
  const anomalies = new SessionAnomalies({ store, authenticator, events, logger, toStoredIpAddress, decide });
  const replacer = new TokenReplacer({ store, policy, tokens, events, authenticator, renewer, anomalies });
  const revocations = new SessionRevocations(store, events);
  const updater = new SessionUpdater(store, policy.maxDataBytes);
  const service = new SessionService({
    store,
    events,
    creator: new SessionCreator({ store, policy, tokens, events, devices, authenticator, toStoredIpAddress }),
    renewer,
    updater,
    touches,
    suspiciousTokens,
    anomalies,
    replacer,
    revocations,
    confirmations: new SessionConfirmations(updater),
    credentials: new CredentialChange({ replacer, authenticator, revocations }),
  });
  return { service, touches, endNotifier, suspiciousTokens };
}
