import assert from 'node:assert/strict';
import { CircuitBreaker } from '../../../libs/session/src/core/circuit-breaker.js';
import { SessionStoreUnavailableError } from '../../../libs/session/src/core/session-errors.js';
import { createSessionId } from '../../../libs/session/src/core/session-id.js';
import { HybridSessionStore } from '../../../libs/session/src/stores/hybrid/hybrid-session.store.js';
import { Ledger } from './ledger.js';
import { SeededRandom } from './random.js';
import { Scheduler } from './scheduler.js';
import { SimulatedDurable } from './simulated-durable.js';
import { SimulatedHot } from './simulated-hot.js';

const NO_AUTHENTICATION = { amr: [], assuranceLevel: null, awaitsSecondFactor: false, identityProvider: null };
const USERS = ['ada', 'grace'];
const MOVES = 120;
const MAX_IN_FLIGHT = 6;
const BREAKER_PERIOD_MS = 50;
const HOUR_MS = 3_600_000;
const SILENT = { debug() {}, log() {}, warn() {}, error() {} };

/** What one run has gone through, so that a test can see that the simulation reaches what it is meant to reach. */
export interface Covered {
  readonly operations: number;
  readonly outages: number;
  readonly accepted: number;
  /** Copies of ended sessions that reconciling found. */
  readonly ghosts: number;
  /** Copies with an outdated token that reconciling found. */
  readonly stale: number;
}

/**
 * One run: two instances of the hybrid store on the same two simulated sides, operations started at random, their steps
 * interleaved at random, faults at random, and after every answer a look into the ledger whether it broke a promise.
 *
 * @throws {AssertionError} A promise was broken. The same seed breaks it again.
 */
export async function simulate(seed: number): Promise<Covered> {
  return new Simulation(seed).run();
}

class Simulation {
  private readonly random: SeededRandom;
  private readonly scheduler: Scheduler;
  private readonly hot: SimulatedHot;
  private readonly durable: SimulatedDurable;
  private readonly instances: readonly HybridSessionStore[];
  private readonly ledger = new Ledger();
  private readonly inFlight = new Set<Promise<void>>();
  private readonly covered = { operations: 0, outages: 0, accepted: 0, ghosts: 0, stale: 0 };
  private broken: unknown;
  private nowMs = 0;
  private serial = 0;

  constructor(private readonly seed: number) {
    this.random = new SeededRandom(seed);
    this.scheduler = new Scheduler(this.random);
    this.hot = new SimulatedHot('redis', this.scheduler, this.random);
    this.durable = new SimulatedDurable('postgres', this.scheduler, this.random);
    this.instances = [this.openInstance(), this.openInstance()];
  }

  async run(): Promise<Covered> {
    for (let move = 0; move < MOVES && !this.broken; move++) {
      this.nowMs += this.random.below(20);
      if (this.random.chance(0.06)) this.injectFault();
      else if (this.inFlight.size < MAX_IN_FLIGHT && this.random.chance(0.4)) this.startOperation();
      else if (!this.scheduler.isIdle) await this.scheduler.step();
    }
    await this.heal();
    if (this.broken) throw this.broken;
    await this.checkHealed();
    return this.covered;
  }

  private openInstance(): HybridSessionStore {
    const breaker = (name: string) =>
      new CircuitBreaker({ name, threshold: 1, periodMs: BREAKER_PERIOD_MS, nowMs: () => this.nowMs });
    return new HybridSessionStore({
      hot: this.hot,
      durable: this.durable,
      hotBreaker: breaker('redis'),
      durableBreaker: breaker('postgres'),
      durableKeys: [],
      logger: SILENT,
      sweepIntervalMs: HOUR_MS,
      reconcileIntervalMs: false,
    });
  }

  private injectFault(): void {
    const faults = [
      () => (this.hot.condition = 'down'),
      () => (this.hot.condition = 'losing answers'),
      () => (this.hot.condition = 'up'),
      () => (this.hot.condition = 'up'),
      () => (this.durable.condition = 'down'),
      () => (this.durable.condition = 'losing answers'),
      () => (this.durable.condition = 'up'),
      () => (this.durable.condition = 'up'),
      () => this.hot.replicate(),
      () => this.hot.replicate(),
      () => this.loseHot(() => this.hot.failOver()),
      () => this.loseHot(() => this.hot.flushAll()),
      () => this.deleteRow(),
    ];
    this.random.pick(faults)();
  }

  private loseHot(lose: () => void): void {
    lose();
    this.ledger.dataLost();
  }

  private deleteRow(): void {
    const id = this.ledger.pickKnown(this.random);
    if (id) this.durable.deleteRow(id);
  }

  private startOperation(): void {
    const store = this.random.pick(this.instances);
    const id = this.ledger.pickKnown(this.random);
    const userId = this.random.pick(USERS);
    const operations: (() => Promise<void>)[] = [() => this.create(store, userId), () => this.list(store, userId)];
    if (id) {
      const find = () => this.find(store, id);
      operations.push(find, find, find, find);
      operations.push(
        () => this.revoke(store, id),
        () => this.rotate(store, id),
        () => this.update(store, id),
        () => this.touch(store, id),
        () => store.sweeper.sweep(),
        () => this.reconcile(store, this.random.chance(0.3) ? userId : undefined),
      );
      if (this.random.chance(0.3)) operations.push(() => this.revokeAll(store, userId));
    }
    const operation = this.scheduler.runActor(this.random.pick(operations));
    this.covered.operations += 1;
    const settled = operation
      .catch((error: unknown) => {
        if (error instanceof SessionStoreUnavailableError) this.covered.outages += 1;
        else this.broken ??= error;
      })
      .finally(() => this.inFlight.delete(settled));
    this.inFlight.add(settled);
  }

  private async create(store: HybridSessionStore, userId: string): Promise<void> {
    const id = createSessionId(userId, (this.serial += 1));
    const tokenHash = this.newHash();
    const limit = this.random.chance(0.3) ? { max: 3, onLimit: 'revoke-oldest' as const } : undefined;
    const created = await store.create({
      id,
      userId,
      tokenHash,
      data: this.random.chance(0.5) ? { born: id } : {},
      ...NO_AUTHENTICATION,
      ipAddress: null,
      userAgent: null,
      device: null,
      idleTimeoutMs: HOUR_MS,
      absoluteTimeoutMs: HOUR_MS,
      limit,
    });
    assert(created.created);
    this.ledger.created({ id, userId, tokenHash });
  }

  private async find(store: HybridSessionStore, id: string): Promise<void> {
    const began = this.ledger.began();
    const found = await store.find(id);
    if (!found.live) return;
    this.covered.accepted += 1;
    began.assertMayBeAccepted(id, found.record.tokenHash);
  }

  private async revoke(store: HybridSessionStore, id: string): Promise<void> {
    await store.revoke({ id, reason: 'revoked', endedBy: null });
    this.ledger.revoked([id]);
  }

  private async revokeAll(store: HybridSessionStore, userId: string): Promise<void> {
    const before = this.ledger.idsOf(userId);
    const exceptId = this.random.chance(0.5) ? this.ledger.pickKnown(this.random) : undefined;
    await store.revokeAll({ userId, exceptId, reason: 'revoked', endedBy: null });
    this.ledger.revoked(before.filter((id) => id !== exceptId));
  }

  private async rotate(store: HybridSessionStore, id: string): Promise<void> {
    const expectedTokenHash = this.ledger.hashOf(id);
    const tokenHash = this.newHash();
    const others = this.ledger.othersOf(id);
    const endOthers = this.random.chance(0.2) ? ({ reason: 'credential-change', endedBy: null } as const) : undefined;
    const rotated = await store.rotate({ id, expectedTokenHash, tokenHash, cause: 'rotation', endOthers });
    if (!rotated.applied) return;
    this.ledger.rotated(id, { from: expectedTokenHash, to: tokenHash });
    if (endOthers) this.ledger.revoked(others);
  }

  private async update(store: HybridSessionStore, id: string): Promise<void> {
    const key = `key${(this.serial += 1)}`;
    const found = await store.find(id);
    if (!found.live) return;
    const began = this.ledger.began();
    const data = { ...found.record.data, [key]: true };
    const updated = await store.update({ id, expectedVersion: found.record.version, data });
    if (updated.applied) began.updated(id, key);
  }

  private async touch(store: HybridSessionStore, id: string): Promise<void> {
    await store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
  }

  private async reconcile(store: HybridSessionStore, userId?: string): Promise<void> {
    const { checked, ghosts, stale } = await store.reconcile(userId === undefined ? {} : { userId });
    assert(checked >= ghosts + stale);
    this.covered.ghosts += ghosts;
    this.covered.stale += stale;
  }

  private async list(store: HybridSessionStore, userId: string): Promise<void> {
    const began = this.ledger.began();
    const { records } = await store.listByUser({ userId });
    const liveNow = new Set(this.durable.liveIds(userId));
    began.assertList(
      userId,
      records.map(({ id }) => id),
      liveNow,
    );
  }

  /** Everything is up again, what was under way comes to its end, and both instances sweep. */
  private async heal(): Promise<void> {
    this.hot.condition = 'up';
    this.durable.condition = 'up';
    await this.finish(Promise.all(this.inFlight));
    await this.scheduler.drain();
    this.nowMs += 10 * BREAKER_PERIOD_MS;
    for (const store of this.instances) {
      await this.finish(store.flush());
      await this.finish(store.sweeper.sweep());
    }
  }

  private async finish<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const watched = work.finally(() => (isSettled = true));
    watched.catch(() => undefined);
    await this.scheduler.settle();
    while (!isSettled) {
      assert(!this.scheduler.isIdle, `seed ${this.seed}: work is waiting for something that will not come`);
      await this.scheduler.step();
    }
    return watched;
  }

  private async checkHealed(): Promise<void> {
    assert.equal(this.durable.pendingChanges, 0, 'changes are left that hot copies have not followed');
    const live = new Set(this.durable.liveIds());
    assert.deepEqual(
      this.hot.believedIds().filter((id) => !live.has(id)),
      [],
      'a hot copy is believed of a session that is over',
    );
    for (const store of this.instances) {
      for (const id of this.ledger.ids()) {
        const found = await this.finish(store.find(id));
        assert.equal(found.live, live.has(id), `session ${id} is ${found.live ? '' : 'not '}accepted after healing`);
        if (!found.live) continue;
        this.ledger.began().assertMayBeAccepted(id, found.record.tokenHash);
        assert.deepEqual(found.record.tokenHash, this.durable.rows.get(id)?.record.tokenHash, 'the sides disagree');
        for (const key of this.ledger.keysThatMustBeIn(id))
          assert(key in found.record.data, `${key} of ${id} was lost`);
      }
    }
    this.checkAudit();
    await this.checkReconciled(live);
  }

  /** Nothing changes meanwhile, so one run leaves exactly the copies of live sessions, and another finds no drift. */
  private async checkReconciled(live: ReadonlySet<string>): Promise<void> {
    const [first, second] = this.instances;
    assert(first && second);
    const before = this.hot.copiedIds();
    const ghosts = before.filter((id) => !live.has(id)).length;
    const done = { stale: 0, stoppedBy: 'done' };
    assert.deepEqual(await this.finish(first.reconcile()), { checked: before.length, ghosts, ...done });
    assert.deepEqual(await this.finish(second.reconcile()), { checked: before.length - ghosts, ghosts: 0, ...done });
    assert.deepEqual(
      this.hot.copiedIds(),
      before.filter((id) => live.has(id)),
    );
  }

  private checkAudit(): void {
    for (const [id, { ended }] of this.durable.rows) {
      const count = (event: string) =>
        this.durable.audit.filter((entry) => entry.id === id && entry.event === event).length;
      assert.equal(count('created'), 1);
      assert.equal(count('ended'), ended ? 1 : 0);
    }
  }

  private newHash(): Uint8Array {
    const hash = Buffer.alloc(32);
    hash.writeUInt32BE((this.serial += 1));
    return hash;
  }
}
