import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { DEMO_USERS } from '../../apps/demo/src/users/demo-users.js';
import { SAFARI_ON_IPHONE, type Answer, type DemoVisitor } from './demo/demo-visitor.js';
import { DemoWorld, type StoreKind } from './demo/demo-world.js';

const [ADA, GRACE, ALAN] = DEMO_USERS;

interface Device {
  readonly id: string;
  readonly current: boolean;
  readonly label: string;
}

const SETUPS: readonly { store: StoreKind; httpAdapter: 'express' | 'fastify' }[] = [
  { store: 'memory', httpAdapter: 'express' },
  { store: 'redis', httpAdapter: 'fastify' },
  { store: 'postgres', httpAdapter: 'express' },
  { store: 'postgres', httpAdapter: 'fastify' },
  { store: 'hybrid', httpAdapter: 'express' },
];

describe.each(SETUPS)('the demo with sessions in $store, on $httpAdapter', (setup) => {
  let world: DemoWorld;
  let laptop: DemoVisitor;
  let phone: DemoVisitor;

  beforeAll(async () => {
    world = await DemoWorld.start(setup);
  });

  afterAll(async () => {
    await world.close();
  });

  beforeEach(async () => {
    laptop = world.visitor();
    phone = world.visitor({ userAgent: SAFARI_ON_IPHONE });
    await laptop.signIn(ADA);
    await phone.signIn(ADA);
    await laptop.api('DELETE', '/devices');
    await phone.signIn(ADA);
  });

  const devicesOf = (visitor: DemoVisitor) => visitor.apiJson<Device[]>('GET', '/devices');

  const currentIdOf = async (visitor: DemoVisitor): Promise<string> => {
    const current = (await devicesOf(visitor)).find((device) => device.current);
    if (!current) throw new Error('the list has no current device');
    return current.id;
  };

  const isSignedIn = async (visitor: DemoVisitor) => (await visitor.api('GET', '/devices')).status === 200;

  /** A user with Alan's password. */
  const addUser = ({ email, name }: { email: string; name: string }) =>
    world.sql.query(
      'insert into users (email, name, password_hash) select $1, $2, password_hash from users where email = $3',
      [email, name, ALAN.email],
    );

  const expectSignInPage = (answer: Answer, next: 'account' | 'sessions', notice?: string) => {
    const url = new URL(answer.location ?? '', world.url);
    expect([answer.status, url.pathname]).toEqual([303, '/sign-in']);
    expect(url.searchParams.get('next') ?? 'account').toBe(next);
    expect(url.searchParams.get('notice')).toBe(notice ?? null);
  };

  describe('signing in', () => {
    it('is asked of a visitor who opens a page, and brings them there', async () => {
      const visitor = world.visitor();
      expectSignInPage(await visitor.get('/'), 'account');
      const answer = await visitor.get('/sessions');
      expectSignInPage(answer, 'sessions', 'sign-in-required');
      const page = await visitor.follow(answer);
      expect(page.body).toContain('Please sign in to continue.');
      expect(page.body).toContain('<input type="hidden" name="next" value="sessions"');
      for (const { email, password } of DEMO_USERS) {
        expect(page.body).toContain(email);
        expect(page.body).toContain(password);
      }
      const signedIn = await visitor.signIn(ALAN, 'sessions');
      expect([signedIn.status, signedIn.location]).toEqual([303, '/sessions']);
      expect((await visitor.follow(signedIn)).body).toContain('Active sessions');
    });

    it('gives a cookie that scripts do not see and other sites do not send (ASVS 3.3.2, 3.3.4)', async () => {
      const { cookies, headers } = await world.visitor().signIn(GRACE);
      expect(cookies).toHaveLength(1);
      expect(cookies[0]).toMatch(/^session=[\w-]{64}; /);
      for (const attribute of [/; HttpOnly/i, /; SameSite=Lax/i, /; Path=\//i]) expect(cookies[0]).toMatch(attribute);
      expect(headers.get('cache-control')).toContain('no-store');
    });

    it('is not something another site can do to a visitor, nor signing out (CSRF)', async () => {
      const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
      const { email, password } = GRACE;
      const visitor = world.visitor();
      const refused = await visitor.post('/sign-in', { email, password, next: 'account' }, foreign);
      expect([refused.status, refused.cookies]).toEqual([403, []]);
      expect(refused.body).toContain('That did not come from our pages');
      expect((await laptop.post('/sign-out', {}, foreign)).status).toBe(403);
      expect(await isSignedIn(laptop)).toBe(true);
    });

    it('says the same of a wrong password and of nobody', async () => {
      const visitor = world.visitor();
      const wrong = await visitor.signIn({ email: GRACE.email, password: 'nope' });
      const nobody = await visitor.signIn({ email: 'nobody@example.com', password: 'nope' });
      expect([wrong.status, nobody.status]).toEqual([401, 401]);
      expect(wrong.body).toContain('Wrong email or password.');
      expect(nobody.body.replaceAll('nobody@example.com', GRACE.email)).toBe(wrong.body);
      expect([...wrong.cookies, ...nobody.cookies]).toEqual([]);
    });

    it('leads to a page of ours whatever the form says (ASVS 3.7.2)', async () => {
      for (const next of [
        '//evil.example',
        '/\\evil.example',
        'https:evil.example',
        'https://evil.example',
        'constructor',
      ]) {
        expect((await world.visitor().signIn(ALAN, next)).location).toBe('/');
        const page = await world
          .visitor()
          .get(`/sign-in?next=${encodeURIComponent(next)}&notice=${encodeURIComponent(next)}`);
        expect(page.body).not.toContain('evil');
      }
    });

    it('shows what was typed as text', async () => {
      const { body } = await world.visitor().signIn({ email: '"><script>alert(1)</script>', password: 'x' });
      expect(body).not.toContain('<script>');
      expect(body).toContain('&quot;&gt;&lt;script&gt;');
    });

    it('ends the session that the browser held, also another user’s (pain 45)', async () => {
      const before = laptop.cookie;
      const sessions = (await devicesOf(phone)).length;
      await laptop.signIn(ADA);
      expect(await devicesOf(phone)).toHaveLength(sessions);
      const replayed = world.visitor();
      replayed.cookie = before;
      expect(await isSignedIn(replayed)).toBe(false);
      await laptop.signIn(GRACE);
      expect(await devicesOf(phone)).toHaveLength(sessions - 1);
      expect((await laptop.get('/')).body).toContain('Grace Hopper');
    });

    it('is not asked twice', async () => {
      expect((await laptop.get('/sign-in?next=sessions')).location).toBe('/sessions');
    });

    it('is refused after ten wrong passwords, for this user only', async () => {
      const guesser = world.visitor();
      const email = `${randomUUID()}@example.com`;
      await addUser({ email, name: 'Often Guessed' });
      for (let attempt = 1; attempt <= 10; attempt++) {
        expect((await guesser.signIn({ email, password: `guess ${attempt}` })).status).toBe(401);
      }
      const refused = await guesser.signIn({ email: email.toUpperCase(), password: 'guess' });
      expect(refused.status).toBe(429);
      expect(refused.body).toContain('Too many attempts. Please wait 15 minutes.');
      expect((await guesser.signIn(ALAN)).status).toBe(303);
    });

    it.each([
      ['a list', 'email[]=x'],
      ['a field twice', 'email=a&email=b'],
      ['a NUL', 'email=a%00b'],
      ['a very long password', `password=${'x'.repeat(257)}`],
    ])('refuses a form with %s, without trouble', async (_what, form) => {
      const response = await fetch(`${world.url}/sign-in`, {
        method: 'POST',
        body: form,
        headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' },
      });
      expect([400, 401]).toContain(response.status);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    });
  });

  describe('signing out', () => {
    it('is offered on every page, by POST only (ASVS 7.4.4, 3.5.3)', async () => {
      for (const path of ['/', '/sessions', '/sessions/sign-out-others/confirm']) {
        expect(laptop.formFor(await laptop.get(path), /^ *Sign out *$/)).toBe('/sign-out');
      }
      expect((await laptop.get('/sign-out')).status).toBe(404);
      expect(await isSignedIn(laptop)).toBe(true);
    });

    it('ends the session for good: its cookie is worth nothing afterwards (ASVS 7.4.1)', async () => {
      const { cookie } = laptop;
      const answer = await laptop.post('/sign-out');
      expectSignInPage(answer, 'account', 'signed-out');
      expect(laptop.cookie).toBeUndefined();
      expect((await laptop.follow(answer)).body).toContain('You are signed out.');
      const replayed = world.visitor();
      replayed.cookie = cookie;
      expectSignInPage(await replayed.get('/'), 'account', 'session-over');
      expect((await replayed.api('GET', '/devices')).status).toBe(401);
      expect(await isSignedIn(phone)).toBe(true);
    });

    it('works for somebody whose session is over already', async () => {
      await phone.api('DELETE', `/devices/${await currentIdOf(laptop)}`);
      expectSignInPage(await laptop.post('/sign-out'), 'account', 'signed-out');
    });
  });

  describe('the account page', () => {
    it('says who is signed in, where, since when, and links to the sessions', async () => {
      const { status, body } = await laptop.get('/');
      expect(status).toBe(200);
      for (const text of ['Hello, Ada Lovelace', 'ada@example.com', 'Firefox on Linux', 'on 2 devices']) {
        expect(body).toContain(text);
      }
      expect(body).toMatch(/<dt>Since<\/dt><dd><time datetime="[^"]+Z" title="[^"]+ UTC">just now<\/time>/);
      expect(body).toMatch(/href="\/sessions">Manage sessions</);
    });

    it('of a user who was deleted leads to the sign-in page', async () => {
      const email = `${randomUUID()}@example.com`;
      await addUser({ email, name: 'Short Lived' });
      const visitor = world.visitor();
      await visitor.signIn({ email, password: ALAN.password });
      expect((await visitor.get('/')).body).toContain('Short Lived');
      await world.sql.query('delete from users where email = $1', [email]);
      const answer = await visitor.get('/');
      expectSignInPage(answer, 'account', 'session-over');
      expect((await visitor.follow(answer)).status).toBe(200);
      expect((await visitor.api('GET', '/devices')).status).toBe(401);
    });
  });

  describe('the active-sessions page', () => {
    it('shows each device in words, marks this one, and tells times in UTC (pain 60)', async () => {
      const { status, body } = await laptop.get('/sessions');
      expect(status).toBe(200);
      expect(body.match(/class="card device"/g)).toHaveLength(2);
      expect(body.match(/<h3>Firefox on Linux <span class="badge">This device<\/span><\/h3>/g)).toHaveLength(1);
      expect(body.match(/class="badge"/g)).toHaveLength(1);
      expect(body).toContain('<h3>Safari on iPhone</h3>');
      expect(body).toMatch(
        /Last active <time datetime="\d{4}-\d\d-\d\dT[\d:.]+Z" title="\d+ \w+ \d{4} at [\d:]+ UTC">just now</,
      );
      expect(body).toMatch(/<span>(127\.0\.0\.1|::1)<\/span>/);
    });

    it('signs another device out, whose next click ends at the sign-in page', async () => {
      const page = await laptop.get('/sessions');
      const answer = await laptop.post(laptop.formFor(page, /Sign out Safari on iPhone/));
      expect([answer.status, answer.location]).toEqual([303, '/sessions?notice=device-signed-out']);
      const after = await laptop.follow(answer);
      expect(after.body).toContain('The device is signed out.');
      expect(after.body).toContain('You are not signed in anywhere else.');
      expectSignInPage(await phone.get('/sessions'), 'sessions', 'session-over');
      const again = await laptop.post(laptop.formFor(page, /Sign out Safari on iPhone/));
      expect(again.location).toBe('/sessions?notice=device-already-signed-out');
    });

    it('signs all others out', async () => {
      const tablet = world.visitor();
      await tablet.signIn(ADA);
      const page = await laptop.get('/sessions');
      const answer = await laptop.post(laptop.formFor(page, /Sign out all others/));
      expect(answer.location).toBe('/sessions?notice=others-signed-out');
      expect(await Promise.all([laptop, phone, tablet].map(isSignedIn))).toEqual([true, false, false]);
      expect((await laptop.post('/sessions/sign-out-others')).location).toBe('/sessions?notice=no-others');
    });

    it('signs this device out', async () => {
      const page = await laptop.get('/sessions');
      expectSignInPage(await laptop.post(laptop.formFor(page, /Sign out this device/)), 'account', 'signed-out');
      expect(await isSignedIn(laptop)).toBe(false);
    });

    it('does not touch another user’s session, nor tell whether there is one (ASVS 7.5.2, pain 44)', async () => {
      const grace = world.visitor();
      await grace.signIn(GRACE);
      for (const id of [await currentIdOf(grace), randomUUID(), 'x', 'x%2fy']) {
        expect((await laptop.post(`/sessions/${id}/sign-out`)).location).toBe(
          '/sessions?notice=device-already-signed-out',
        );
        expect((await laptop.get(`/sessions/${id}/sign-out/confirm`)).location).toBe(
          '/sessions?notice=device-already-signed-out',
        );
      }
      expect(await isSignedIn(grace)).toBe(true);
    });

    it('changes nothing by GET (ASVS 3.5.3)', async () => {
      for (const path of [`/sessions/${await currentIdOf(phone)}/sign-out`, '/sessions/sign-out-others']) {
        expect((await laptop.get(path)).status).toBe(404);
      }
      expect(await isSignedIn(phone)).toBe(true);
    });
  });

  describe('when the password was given long ago (ASVS 7.5.2)', () => {
    beforeEach(async () => {
      world.switches.age(await currentIdOf(laptop));
    });

    it('asks for it before signing one device out, then does that', async () => {
      const id = await currentIdOf(phone);
      const asked = await laptop.post(`/sessions/${id}/sign-out`);
      expect([asked.status, asked.location]).toEqual([303, `/sessions/${id}/sign-out/confirm`]);
      expect(await isSignedIn(phone)).toBe(true);
      const question = await laptop.follow(asked);
      expect(question.body).toContain('Sign out Safari on iPhone?');
      const path = laptop.formFor(question, /Sign out this device/);

      const wrong = await laptop.post(path, { password: GRACE.password });
      expect(wrong.status).toBe(401);
      expect(wrong.body).toContain('Wrong password.');
      expect(await isSignedIn(phone)).toBe(true);

      const right = await laptop.post(path, { password: ADA.password });
      expect(right.location).toBe('/sessions?notice=device-signed-out');
      expect(await isSignedIn(phone)).toBe(false);
    });

    it('asks for it before signing all others out, gives a new cookie, and does not ask again (ASVS 7.2.4)', async () => {
      const before = laptop.cookie;
      const asked = await laptop.post('/sessions/sign-out-others');
      const question = await laptop.follow(asked);
      expect(question.body).toContain('Sign out all other devices?');
      const done = await laptop.post(laptop.formFor(question, /Sign out all others/), { password: ADA.password });
      expect(done.location).toBe('/sessions?notice=others-signed-out');
      expect(laptop.cookie).not.toBe(before);
      const replayed = world.visitor();
      replayed.cookie = before;
      expect(await isSignedIn(replayed)).toBe(false);
      expect(await Promise.all([laptop, phone].map(isSignedIn))).toEqual([true, false]);
      expect((await laptop.post('/sessions/sign-out-others')).location).toBe('/sessions?notice=no-others');
    });

    it('does not ask for it to sign this device out', async () => {
      const page = await laptop.get('/sessions');
      expectSignInPage(await laptop.post(laptop.formFor(page, /Sign out this device/)), 'account', 'signed-out');
    });

    it('never follows an address from the request', async () => {
      const question = await laptop.get(
        '/sessions/sign-out-others/confirm?returnTo=//evil.example&next=//evil.example',
      );
      expect(question.body).not.toContain('evil');
      const done = await laptop.post('/sessions/sign-out-others/confirm?returnTo=//evil.example', {
        password: ADA.password,
        returnTo: 'https://evil.example',
        next: '//evil.example',
      });
      expect(done.location).toBe('/sessions?notice=others-signed-out');
    });

    it('the API says so, and takes the password', async () => {
      const id = await currentIdOf(phone);
      for (const path of ['/devices', `/devices/${id}`]) {
        const refused = await laptop.api('DELETE', path);
        expect(refused.status).toBe(401);
        expect(JSON.parse(refused.body)).toMatchObject({ error: 'reauth_required' });
      }
      expect(await isSignedIn(phone)).toBe(true);
      const wrong = await laptop.api('POST', '/reauthenticate', { password: 'nope' });
      expect([wrong.status, JSON.parse(wrong.body)]).toEqual([
        401,
        expect.objectContaining({ error: 'wrong_password' }),
      ]);
      const before = laptop.cookie;
      expect((await laptop.api('POST', '/reauthenticate', { password: ADA.password })).status).toBe(204);
      expect(laptop.cookie).not.toBe(before);
      expect((await laptop.api('DELETE', `/devices/${id}`)).status).toBe(204);
      expect(await isSignedIn(phone)).toBe(false);
    });
  });

  describe('the devices API', () => {
    it('lists public ids and no secret (ASVS 7.5.2, pain 44)', async () => {
      const devices = await devicesOf(laptop);
      expect(devices).toHaveLength(2);
      expect(devices.filter((device) => device.current)).toHaveLength(1);
      for (const device of devices) {
        expect(device).toEqual({
          id: expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
          current: expect.any(Boolean),
          browser: expect.stringMatching(/^(?:Firefox|Safari)$/),
          system: expect.stringMatching(/^(?:Linux|iPhone)$/),
          label: expect.stringMatching(/^(?:Firefox on Linux|Safari on iPhone)$/),
          ipAddress: expect.stringMatching(/^(?:127\.0\.0\.1|::1)$/),
          createdAt: expect.stringMatching(/Z$/),
          lastSeenAt: expect.stringMatching(/Z$/),
          expiresAt: expect.stringMatching(/Z$/),
        });
      }
    });

    it('answers a visitor with 401 in JSON', async () => {
      for (const [method, path] of [
        ['GET', '/devices'],
        ['DELETE', '/devices'],
        ['DELETE', `/devices/${randomUUID()}`],
        ['POST', '/reauthenticate'],
      ] as const) {
        const { status, headers, location } = await world.visitor().api(method, path);
        expect([status, location]).toEqual([401, null]);
        expect(headers.get('content-type')).toContain('application/json');
      }
    });

    it('ends one device of the user', async () => {
      const { status, body } = await laptop.api('DELETE', `/devices/${await currentIdOf(phone)}`);
      expect([status, body]).toEqual([204, '']);
      expect(await isSignedIn(phone)).toBe(false);
    });

    it('ends the current one and takes its cookie away', async () => {
      expect((await laptop.api('DELETE', `/devices/${await currentIdOf(laptop)}`)).status).toBe(204);
      expect(laptop.cookie).toBeUndefined();
      expect(await isSignedIn(phone)).toBe(true);
    });

    it('ends all others and says how many', async () => {
      expect(JSON.parse((await laptop.api('DELETE', '/devices')).body)).toEqual({ revoked: 1 });
      expect(JSON.parse((await laptop.api('DELETE', '/devices')).body)).toEqual({ revoked: 0 });
      expect(await Promise.all([laptop, phone].map(isSignedIn))).toEqual([true, false]);
    });

    it('knows no foreign, unknown, malformed or ended id (IDOR, pain 44)', async () => {
      const grace = world.visitor();
      await grace.signIn(GRACE);
      const ended = await currentIdOf(phone);
      await phone.post('/sign-out');
      for (const id of [await currentIdOf(grace), randomUUID(), 'x', `${ended}%00`, ended, ended.toUpperCase()]) {
        const { status, body } = await laptop.api('DELETE', `/devices/${id}`);
        expect([id, status]).toEqual([id, 404]);
        expect(JSON.parse(body)).toMatchObject({ statusCode: 404, message: 'Not Found' });
      }
      expect(await isSignedIn(grace)).toBe(true);
    });
  });

  describe('every answer', () => {
    it('has the headers that keep other sites and scripts out (ASVS 3.4)', async () => {
      const visitor = world.visitor();
      const answers = [
        await laptop.get('/'),
        await laptop.get('/sessions'),
        await visitor.get('/sign-in'),
        await visitor.get('/sessions'),
        await visitor.get('/nowhere'),
        await laptop.api('GET', '/devices'),
        await visitor.api('GET', '/devices'),
        await visitor.get('/assets/%zz'),
        await visitor.get(`/assets/${'x'.repeat(200)}`),
      ];
      for (const { headers } of answers) {
        expect(headers.get('content-security-policy')).toBe(
          "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        );
        expect(headers.get('x-content-type-options')).toBe('nosniff');
        expect(headers.get('referrer-policy')).toBe('same-origin');
        expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
        expect(headers.get('cache-control')).toContain('no-store');
        expect(headers.get('x-powered-by')).toBeNull();
      }
    });

    it('to an address that cannot be read is 4xx', async () => {
      for (const path of ['/assets/%zz', `/assets/${'x'.repeat(200)}`]) {
        const { status } = await world.visitor().api('GET', path);
        expect([path, [400, 404, 414].includes(status)]).toEqual([path, true]);
      }
    });

    it('to a form that is too long does not say that the fault is ours', async () => {
      const answer = await world.visitor().post('/sign-in', { email: 'x'.repeat(2_000_000) });
      expect(answer.status).toBe(413);
      expect(answer.body).toContain('That did not make sense to us');
    });

    it('to a target that is no address is not 500', async () => {
      expect(await statusOfTarget(world.url, 'http://[')).toBeLessThan(500);
      expect(await statusOfTarget(world.url, '/sessions')).toBe(303);
    });

    it('needs no script, no inline style and no other site', async () => {
      for (const page of [
        await laptop.get('/'),
        await laptop.get('/sessions'),
        await world.visitor().get('/sign-in'),
      ]) {
        expect(page.body).not.toMatch(/<script|<style|\sstyle=|\son\w+=|https?:\/\//i);
        expect(page.body).toContain('<html lang="en">');
      }
    });

    it('links styles that may be kept for ever', async () => {
      const { body } = await world.visitor().get('/sign-in');
      const paths = [...body.matchAll(/href="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
      expect(paths).toHaveLength(3);
      for (const path of paths) {
        const asset = await world.visitor().get(path);
        expect([path, asset.status]).toEqual([path, 200]);
        expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
        expect(asset.headers.get('content-type')).toMatch(/^(?:text\/css|image\/svg\+xml)/);
      }
      expect((await world.visitor().get('/assets/demo.css')).headers.get('cache-control')).toBe('no-cache');
      expect((await world.visitor().get('/assets/..%2f..%2fmain.ts')).status).toBe(404);
    });

    it('for an unknown address is a page or JSON, as the client prefers', async () => {
      const page = await laptop.get('/nowhere');
      expect([page.status, page.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
      expect(page.body).toContain('There is no such page');
      const json = await laptop.api('GET', '/nowhere');
      expect([json.status, JSON.parse(json.body).statusCode]).toEqual([404, 404]);
    });
  });

  describe('when the session store does not answer', () => {
    beforeEach(() => {
      world.switches.isDown = true;
    });

    const comeBack = () => {
      world.switches.isDown = false;
    };

    it('says on a page that the user is still signed in, and that is true', async () => {
      const page = await laptop.get('/sessions');
      comeBack();
      expect(page.status).toBe(503);
      expect(page.body).toContain('You are still signed in');
      expect(page.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(page.cookies).toEqual([]);
      expect((await laptop.get('/sessions')).status).toBe(200);
    });

    it('is logged in one line for many pages, without a stack', async () => {
      const before = world.logs.lines.length;
      for (let views = 0; views < 4; views++) await laptop.get('/sessions');
      comeBack();
      const lines = world.logs.lines.slice(before).join('\n');
      expect(lines.split('switched off by a test').length - 1).toBeLessThanOrEqual(1);
      expect(lines).not.toMatch(/^\s+at /m);
    });

    it('says so in JSON', async () => {
      const answer = await laptop.api('GET', '/devices');
      comeBack();
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(answer.headers.get('content-type')).toContain('application/json');
      expect(answer.cookies).toEqual([]);
    });

    it('lets nobody sign in, and does not claim that they are', async () => {
      const visitor = world.visitor();
      const answer = await visitor.signIn(ALAN);
      comeBack();
      expect(answer.status).toBe(503);
      expect(answer.body).toContain('Nobody can sign in right now');
      expect(answer.cookies).toEqual([]);
    });

    it('signs out on this browser, and says that it is not more than that', async () => {
      const { cookie } = laptop;
      const answer = await laptop.post('/sign-out');
      comeBack();
      expect(answer.status).toBe(503);
      expect(answer.body).toContain('Signed out on this browser only');
      expect(laptop.cookie).toBeUndefined();
      laptop.cookie = cookie;
      expect(await isSignedIn(laptop)).toBe(true);
    });
  });

  if (setup.store !== 'memory') {
    it('knows its users and sessions after a restart', async () => {
      const before = await devicesOf(laptop);
      await world.restart();
      const [laptopAgain, phoneAgain] = [world.visitor(), world.visitor()];
      [laptopAgain.cookie, phoneAgain.cookie] = [laptop.cookie, phone.cookie];
      expect((await devicesOf(laptopAgain)).map(({ id }) => id).toSorted()).toEqual(
        before.map(({ id }) => id).toSorted(),
      );
      expect((await phoneAgain.get('/')).body).toContain('Ada Lovelace');
    });
  }
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
    expect((await visitor.get('/')).location).toBe('/sign-in?notice=session-over');
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

/** Sends a request line that `fetch` would mend first. */
async function statusOfTarget(url: string, path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(url);
  const request = httpRequest({ hostname, port, path, headers: { accept: 'text/html' } }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

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
