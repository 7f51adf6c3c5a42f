import { randomUUID } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { type DemoStage, ALAN } from './demo-stage.js';
import type { Answer, DemoVisitor } from './demo-visitor.js';

export const SET_UP = '/account/second-factor/set-up';
export const REMOVAL = '/account/second-factor/remove';
export const RECOVERY_CODES = '/account/second-factor/recovery-codes';

/** The app on a user's phone. It reads the clock of the world that it is in. */
export class AuthenticatorApp {
  private readonly totp: TOTP;

  constructor(
    readonly secret: string,
    private readonly nowMs: () => number,
  ) {
    this.totp = new TOTP({ secret: Secret.fromBase32(secret) });
  }

  /** The code that it shows now, or showed or will show so many steps of 30 seconds from now. */
  code(steps = 0): string {
    return this.totp.generate({ timestamp: this.nowMs() + steps * 30_000 });
  }

  /** Six digits that it shows at no time around now. */
  wrongCode(): string {
    const near = new Set([-2, -1, 0, 1, 2].map((steps) => this.code(steps)));
    const free = ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.has(code));
    if (!free) throw new Error('no code is wrong');
    return free;
  }
}

/** What the form of a set-up page has in it. */
export function readSetUp({ body }: Answer): { secret: string; ticket: string } {
  const secret = /<code class="secret"[^>]*>([A-Z2-7 ]+)<\/code>/.exec(body)?.[1]?.replaceAll(' ', '');
  const ticket = /name="ticket" value="([^"]+)"/.exec(body)?.[1];
  if (!secret || !ticket) throw new Error(`no page to set up a second factor: ${body}`);
  return { secret, ticket };
}

export function readRecoveryCodes({ body }: Answer): string[] {
  return [...body.matchAll(/<li><code>([A-Z2-7-]{29})<\/code><\/li>/g)].map(([, code]) => code ?? '');
}

export interface TwoFactorUser {
  readonly email: string;
  readonly password: string;
  readonly app: AuthenticatorApp;
  readonly recoveryCodes: readonly string[];
  /** Signed in, where the second factor was set up. */
  readonly here: DemoVisitor;
}

/** A user of the test's own. */
export async function addUser(demo: Pick<DemoStage, 'addUser'>): Promise<{ email: string; password: string }> {
  const user = { email: `${randomUUID()}@example.com`, password: ALAN.password };
  await demo.addUser({ email: user.email, name: 'Twice Careful' });
  return user;
}

/** A user of the test's own with an authenticator app, whose next code has not been used. */
export async function addTwoFactorUser(demo: DemoStage): Promise<TwoFactorUser> {
  const { world } = demo;
  const user = await addUser(demo);
  const here = world.visitor();
  await here.signIn(user);
  const { secret, ticket } = readSetUp(await here.get(SET_UP));
  const app = new AuthenticatorApp(secret, world.nowMs);
  const recoveryCodes = readRecoveryCodes(await here.post(SET_UP, { ticket, code: app.code() }));
  world.advanceCodes();
  return { ...user, app, recoveryCodes, here };
}

/** Signs in with both factors on a device of its own; the code is used up, and the next one is there. */
export async function signInTwice(demo: DemoStage, { app, ...user }: TwoFactorUser): Promise<DemoVisitor> {
  const visitor = demo.world.visitor();
  await visitor.signIn(user);
  await visitor.post('/sign-in/code', { code: app.code() });
  demo.world.advanceCodes();
  return visitor;
}
