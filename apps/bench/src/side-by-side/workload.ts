import { randomInt, randomUUID } from 'node:crypto';
import type { Instance } from './instance.js';

interface Known {
  readonly id: string;
  readonly userId: string;
  token: string;
  visits: number;
}

export interface Tally {
  readonly operations: Record<string, number>;
  readonly violations: string[];
}

/**
 * Calls of one user's sessions, each on an instance chosen at random and checked on the other one: what one version wrote,
 * the other has to read, change and end.
 */
export class UserWorkload {
  private readonly userId = `user-${randomUUID()}`;
  private readonly live = new Map<string, Known>();

  constructor(
    private readonly instances: readonly [Instance, Instance],
    private readonly tally: Tally,
  ) {}

  async run(untilMs: number): Promise<void> {
    while (Date.now() < untilMs) {
      await this.step(this.live.size === 0 ? 0 : randomInt(7));
      if (randomInt(20) === 0) await this.endMany();
      await this.compare();
    }
  }

  private step(which: number): Promise<void> {
    if (which <= 1) return this.create();
    if (which <= 3) return this.update();
    if (which === 4) return this.rotate();
    return which === 5 ? this.reauthenticate() : this.revoke();
  }

  /** What must be so whenever nothing is under way: on both instances the same sessions, with the same data. */
  async compare(instances: readonly Instance[] = this.instances): Promise<void> {
    for (const { label, sessions } of instances) {
      const listed = await sessions.listByUser(this.userId);
      const expected = [...this.live.keys()].toSorted();
      const found = listed.map(({ id }) => id).toSorted();
      if (found.join() !== expected.join())
        this.violate(`${label} lists ${found.length} of ${expected.length} sessions`);
      for (const known of this.live.values()) {
        const checked = await sessions.authenticate(known.token, { rotate: false });
        if (checked.outcome === 'absent') this.violate(`${label} refuses a live session: ${checked.reason}`);
        else if ((checked.session.data as { visits?: number }).visits !== known.visits)
          this.violate(`${label} read older data`);
      }
    }
  }

  private pick(): { one: Instance; other: Instance } {
    const first = randomInt(2) as 0 | 1;
    return { one: this.instances[first], other: this.instances[first === 0 ? 1 : 0] };
  }

  private any(): Known {
    const all = [...this.live.values()];
    const known = all[randomInt(all.length)];
    if (!known) throw new Error('there is no session');
    return known;
  }

  private async create(): Promise<void> {
    const { one } = this.pick();
    const data = { visits: 0, text: 'ü "\\ '.repeat(randomInt(4)) } as object;
    const identityProvider = { issuer: 'https://id.example', sessionId: this.userId };
    const created = await one.sessions.create({
      userId: this.userId,
      data,
      amr: ['pwd'],
      identityProvider,
      device: 'laptop',
    });
    this.live.set(created.session.id, { id: created.session.id, userId: this.userId, token: created.token, visits: 0 });
    this.count('create', one);
  }

  private async update(): Promise<void> {
    const { one, other } = this.pick();
    const known = this.any();
    const increment = { visits: 1 } as object;
    const updated = await Promise.all([one, other].map(({ sessions }) => sessions.update(known.id, { increment })));
    known.visits += updated.filter((session) => session !== undefined).length;
    if (updated.includes(undefined)) this.violate('an update of a live session was refused');
    this.count('update', one);
  }

  private async rotate(): Promise<void> {
    const { one, other } = this.pick();
    const known = this.any();
    const rotated = await one.sessions.rotate(known.token);
    if (!rotated.rotated) return this.violate(`${one.label} did not rotate: ${rotated.reason}`);
    const old = known.token;
    known.token = rotated.token;
    this.count('rotate', one);
    const checked = await other.sessions.authenticate(old, { rotate: false });
    // The old token says that somebody has a copy: its session ends.
    if (checked.outcome !== 'absent') this.violate(`${other.label} accepts a token that ${one.label} rotated away`);
    else if (checked.reason === 'reuse') this.live.delete(known.id);
  }

  private async reauthenticate(): Promise<void> {
    const { one } = this.pick();
    const known = this.any();
    const proved = await one.sessions.reauthenticate(known.token, { amr: ['otp'] });
    if (!proved.rotated) return this.violate(`${one.label} did not reauthenticate: ${proved.reason}`);
    known.token = proved.token;
    this.count('reauthenticate', one);
  }

  private async revoke(): Promise<void> {
    const { one, other } = this.pick();
    const known = this.any();
    if (!(await one.sessions.revoke(known.id))) this.violate(`${one.label} could not revoke a live session`);
    this.live.delete(known.id);
    this.count('revoke', one);
    const checked = await other.sessions.authenticate(known.token, { rotate: false });
    if (checked.outcome !== 'absent') this.violate(`${other.label} accepts a session that ${one.label} revoked`);
  }

  private async endMany(): Promise<void> {
    if (this.live.size === 0) return;
    const { one } = this.pick();
    const known = this.any();
    const kind = randomInt(3);
    if (kind === 0) await one.sessions.revokeAll(this.userId);
    if (kind === 1) await one.sessions.revokeOthers(known);
    if (kind === 2)
      await one.sessions.revokeByIdentityProvider({ issuer: 'https://id.example', sessionId: this.userId });
    this.live.clear();
    if (kind === 1) this.live.set(known.id, known);
    this.count(['revokeAll', 'revokeOthers', 'revokeByIdentityProvider'][kind] ?? '', one);
  }

  private count(operation: string, { label }: Instance): void {
    const key = `${operation} by ${label}`;
    this.tally.operations[key] = (this.tally.operations[key] ?? 0) + 1;
  }

  private violate(what: string): void {
    this.tally.violations.push(`${this.userId}: ${what}`);
  }
}
