import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { DEMO_USERS } from '../../../apps/demo/src/users/demo-users.js';
import { SAFARI_ON_IPHONE, type Answer, type DemoVisitor } from './demo-visitor.js';
import { DemoWorld, type StoreKind } from './demo-world.js';

export const [ADA, GRACE, ALAN] = DEMO_USERS;

export interface DemoSetup {
  readonly store: StoreKind;
  readonly httpAdapter: 'express' | 'fastify';
}

/** Every flow of the demo runs on each of these. */
export const DEMO_SETUPS: readonly DemoSetup[] = [
  { store: 'memory', httpAdapter: 'express' },
  { store: 'redis', httpAdapter: 'fastify' },
  { store: 'postgres', httpAdapter: 'express' },
  { store: 'postgres', httpAdapter: 'fastify' },
  { store: 'hybrid', httpAdapter: 'express' },
];

export interface Device {
  readonly id: string;
  readonly current: boolean;
  readonly label: string;
}

/** A demo in which Ada is signed in twice. */
export class DemoStage {
  private started: DemoWorld | undefined;
  private devices: { laptop: DemoVisitor; phone: DemoVisitor } | undefined;

  get world(): DemoWorld {
    return present(this.started);
  }

  /** Ada, with Firefox on Linux. */
  get laptop(): DemoVisitor {
    return present(this.devices).laptop;
  }

  /** Ada, with Safari on an iPhone. */
  get phone(): DemoVisitor {
    return present(this.devices).phone;
  }

  async open(setup: DemoSetup): Promise<void> {
    this.started = await DemoWorld.start(setup);
  }

  /** Signs Ada in on both devices and out everywhere else. */
  async signIn(): Promise<void> {
    const laptop = this.world.visitor();
    const phone = this.world.visitor({ userAgent: SAFARI_ON_IPHONE });
    await laptop.signIn(ADA);
    await phone.signIn(ADA);
    await laptop.api('DELETE', '/devices');
    await phone.signIn(ADA);
    this.devices = { laptop, phone };
  }

  /** A user with Alan's password. */
  async addUser({ email, name }: { email: string; name: string }): Promise<void> {
    await this.world.sql.query(
      'insert into users (email, name, password_hash) select $1, $2, password_hash from users where email = $3',
      [email, name, ALAN.email],
    );
  }

  close(): Promise<void> {
    return this.world.close();
  }
}

/** Opens a stage for the tests of the `describe` that calls it; Ada signs in anew before each of them. */
export function stageDemo(setup: DemoSetup): DemoStage {
  const stage = new DemoStage();
  beforeAll(() => stage.open(setup));
  afterAll(() => stage.close());
  beforeEach(() => stage.signIn());
  return stage;
}

export const devicesOf = (visitor: DemoVisitor) => visitor.apiJson<Device[]>('GET', '/devices');

export async function currentIdOf(visitor: DemoVisitor): Promise<string> {
  const current = (await devicesOf(visitor)).find((device) => device.current);
  if (!current) throw new Error('the list has no current device');
  return current.id;
}

export async function isSignedIn(visitor: DemoVisitor): Promise<boolean> {
  return (await visitor.api('GET', '/devices')).status === 200;
}

/** The answer sends to the sign-in page, which will lead on to `returnTo` and is told to say `notice`, if any. */
export function expectSignInPage(answer: Answer, returnTo = '/', notice?: string): void {
  expectPage(answer, '/sign-in', returnTo, notice);
}

/** The answer sends to a page that asks for something and will lead on to `returnTo`. */
export function expectPage(answer: Answer, path: string, returnTo = '/', notice?: string): void {
  const url = new URL(answer.location ?? '', 'http://demo.test');
  expect([answer.status, url.pathname]).toEqual([303, path]);
  expect(url.searchParams.get('returnTo') ?? '/').toBe(returnTo);
  expect(url.searchParams.get('notice')).toBe(notice ?? null);
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the demo is not on stage yet');
  return value;
}
