import type {
  DurableDataChange,
  DurableFindOutcome,
  DurableSessions,
  HotChange,
} from '../../../core/ports/durable-sessions.js';
import type { SessionSignals } from '../../../core/ports/session-signals.js';
import type {
  CleanUpOutcome,
  CleanUpStep,
  CreateOutcome,
  FindOutcome,
  NewSession,
  ProviderRevocation,
  RotateOutcome,
  SessionDataChange,
  SessionList,
  SessionListQuery,
  SessionRevocation,
  SessionRotation,
  SessionTouch,
  TotalRevocation,
  UpdateOutcome,
  UserRevocation,
} from '../../../core/ports/session-store.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import type { CircuitBreaker } from './circuit-breaker.js';

/**
 * The durable side as the hybrid store calls it: every call passes the breaker, except `start`, `stop`, `touch` and
 * `flush`.
 *
 * The durable side gathers touches and keeps those that it could not write. Touches therefore reach it during an outage
 * as well: users who were active all through the outage are not idle after it.
 */
export class DurableSide implements DurableSessions {
  readonly name: string;
  readonly signals: SessionSignals | undefined;

  constructor(
    private readonly durable: DurableSessions,
    private readonly breaker: CircuitBreaker,
  ) {
    this.name = durable.name;
    this.signals = durable.signals;
  }

  /** @throws {SessionStoreUnavailableError} Calls fail at once at the moment. */
  assertReachable(): void {
    this.breaker.assertClosed();
  }

  start(): Promise<void> {
    return this.durable.start();
  }

  create(session: NewSession): Promise<CreateOutcome> {
    return this.breaker.run(() => this.durable.create(session));
  }

  find(id: string): Promise<DurableFindOutcome> {
    return this.breaker.run(() => this.durable.find(id));
  }

  findMany(ids: readonly string[]): Promise<ReadonlyMap<string, FindOutcome>> {
    return this.breaker.run(() => this.durable.findMany(ids));
  }

  touch(touch: SessionTouch): Promise<boolean> {
    return this.durable.touch(touch);
  }

  update(change: SessionDataChange): Promise<UpdateOutcome> {
    return this.breaker.run(() => this.durable.update(change));
  }

  mergeDurableData(change: DurableDataChange): Promise<void> {
    return this.breaker.run(() => this.durable.mergeDurableData(change));
  }

  rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    return this.breaker.run(() => this.durable.rotate(rotation));
  }

  revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    return this.breaker.run(() => this.durable.revoke(revocation));
  }

  revokeAll(revocation: UserRevocation & { readonly minAgeMs?: number }): Promise<EndedSession[]> {
    return this.breaker.run(() => this.durable.revokeAll(revocation));
  }

  revokeByIdentityProvider(revocation: ProviderRevocation & { readonly minAgeMs?: number }): Promise<EndedSession[]> {
    return this.breaker.run(() => this.durable.revokeByIdentityProvider(revocation));
  }

  revokeEverything(revocation: TotalRevocation): Promise<EndedEverything & { readonly epoch: number }> {
    return this.breaker.run(() => this.durable.revokeEverything(revocation));
  }

  findEpoch(): Promise<number> {
    return this.breaker.run(() => this.durable.findEpoch());
  }

  listByUser(query: SessionListQuery): Promise<SessionList> {
    return this.breaker.run(() => this.durable.listByUser(query));
  }

  listHotChanges(limit: number): Promise<readonly HotChange[]> {
    return this.breaker.run(() => this.durable.listHotChanges(limit));
  }

  forgetHotChanges(changes: readonly HotChange[]): Promise<void> {
    return this.breaker.run(() => this.durable.forgetHotChanges(changes));
  }

  cleanUp(step: CleanUpStep): Promise<CleanUpOutcome> {
    return this.breaker.run(() => this.durable.cleanUp(step));
  }

  flush(): Promise<void> {
    return this.durable.flush();
  }

  stop(): Promise<void> {
    return this.durable.stop();
  }
}
