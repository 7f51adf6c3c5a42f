import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DEMO_USERS } from '../../../apps/demo/src/users/demo-users.js';
import { ADA, DEMO_SETUPS, devicesOf, stageDemo } from './demo-stage.js';
import { SAFARI_ON_IPHONE, type Answer } from './demo-visitor.js';
import { DemoWorld } from './demo-world.js';

const LASTING = DEMO_SETUPS.filter(({ store }) => store !== 'memory');

describe.each(LASTING)('the demo with sessions in $store, on $httpAdapter', (setup) => {
  const demo = stageDemo(setup);

  it('knows its users and sessions after a restart', async () => {
    const before = await devicesOf(demo.laptop);
    await demo.world.restart();
    const [laptopAgain, phoneAgain] = [demo.world.visitor(), demo.world.visitor({ userAgent: SAFARI_ON_IPHONE })];
    [laptopAgain.cookie, phoneAgain.cookie] = [demo.laptop.cookie, demo.phone.cookie];
    expect((await devicesOf(laptopAgain)).map(({ id }) => id).toSorted()).toEqual(
      before.map(({ id }) => id).toSorted(),
    );
    expect((await phoneAgain.get('/')).body).toContain('Ada Lovelace');
  });
});

describe('the first start', () => {
  it('may happen in several processes at once', async () => {
    const world = await DemoWorld.start({ store: 'postgres', instances: 4 });
    const { rows } = await world.sql.query<{ count: string }>('select count(*) from users');
    expect(rows[0]?.count).toBe(String(DEMO_USERS.length));
    await world.close();
  });
});

describe('the demo in production', () => {
  let world: DemoWorld;

  beforeAll(async () => {
    world = await DemoWorld.start({ store: 'memory', env: { NODE_ENV: 'production' } });
  });

  afterAll(async () => {
    await world.close();
  });

  it('gives a cookie for https only, bound to this host (ASVS 3.3.1, 3.3.3, 3.4.1)', async () => {
    const { cookies, headers } = await world.visitor().signIn(ADA);
    expect(cookies).toEqual([expect.stringMatching(/^__Host-session=[\w-]{64}; .*Secure/)]);
    expect(cookies[0]).not.toMatch(/domain=/i);
    expect(headers.get('strict-transport-security')).toBe('max-age=31536000; includeSubDomains');
  });

  it('knows that somebody held it when it tells that the session is over', async () => {
    const visitor = world.visitor();
    await visitor.signIn(ADA);
    const { cookie } = visitor;
    await visitor.post('/sign-out');
    visitor.cookie = cookie;
    expect((await visitor.follow(await visitor.get('/'))).body).toContain('Your session has ended.');
  });

  it('answers 503, not 500, when the users cannot be asked', async () => {
    const visitor = world.visitor();
    await visitor.signIn(ADA);
    const answers = await cutOffWhileWaiting(world, [() => visitor.get('/'), () => visitor.api('GET', '/devices')]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    expect(answers[0]?.body).toContain('You are still signed in');
    expect(answers[0]?.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await visitor.get('/')).status).toBe(200);
  });
});

/** Holds the users' table until all the requests wait for it, then ends their connections to the database. */
async function cutOffWhileWaiting(world: DemoWorld, send: (() => Promise<Answer>)[]): Promise<Answer[]> {
  await world.sql.query('begin');
  await world.sql.query('lock table users in access exclusive mode');
  const requests = send.map((request) => request());
  const waiting = `select pid from pg_locks where not granted and relation = '"${world.schema}".users'::regclass`;
  while ((await world.sql.query(waiting)).rowCount !== requests.length);
  await world.sql.query(`select pg_terminate_backend(pid) from (${waiting}) as w`);
  await world.sql.query('commit');
  return Promise.all(requests);
}
