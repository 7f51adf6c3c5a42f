import type { SessionEvents } from '../events/session-events.js';
import type { SessionStore } from '../ports/session-store.js';
import type { CredentialChange } from './credential-change.js';
import type { SessionAnomalies } from './session-anomalies.js';
import type { SessionConfirmations } from './session-confirmations.js';
import type { SessionCreator } from './session-creator.js';
import type { SessionRevocations } from './session-revocations.js';
import type { SessionUpdater } from './session-updater.js';
import type { SuspiciousTokens } from './suspicious-tokens.js';
import type { TokenRenewer } from './token-renewer.js';
import type { TokenReplacer } from './token-replacer.js';
import type { TouchRecorder } from './touch-recorder.js';

/** The collaborators of a `SessionService`, which `createSessionService` puts together. */
export interface SessionServiceParts {
  readonly store: SessionStore;
  readonly events: SessionEvents;
  readonly creator: SessionCreator;
  readonly renewer: TokenRenewer;
  readonly updater: SessionUpdater;
  readonly touches: TouchRecorder;
  readonly suspiciousTokens: SuspiciousTokens;
  readonly anomalies: SessionAnomalies;
  readonly replacer: TokenReplacer;
  readonly revocations: SessionRevocations;
  readonly credentials: CredentialChange;
  readonly confirmations: SessionConfirmations;
}
