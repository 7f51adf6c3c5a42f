import { describe, expect, it } from '@jest/globals';
import {
  currentIdOf,
  DEMO_SETUPS,
  devicesOf,
  expectPage,
  expectSignInPage,
  isSignedIn,
  stageDemo,
} from './demo-stage.js';
import { addTwoFactorUser, signInTwice } from './second-factor.js';

describe.each(DEMO_SETUPS)('a second factor, with sessions in $store, on $httpAdapter', (setup) => {
  const demo = stageDemo(setup);

  const errorOf = ({ status, body }: { status: number; body: string }) => [status, JSON.parse(body).error];

  describe('signing in', () => {
    it('with the password alone is not signed in: every page leads to the code, every API says what is missing', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = demo.world.visitor();
      expectPage(await visitor.signIn(user, '/sessions'), '/sign-in/code', '/sessions');
      expectPage(await visitor.get('/'), '/sign-in/code');
      expectPage(await visitor.get('/sessions'), '/sign-in/code', '/sessions');
      expectPage(await visitor.get('/sign-in?returnTo=/sessions'), '/sign-in/code', '/sessions');
      expectPage(await visitor.get('/devices'), '/sign-in/code', '/devices');
      expectPage(await visitor.post('/sessions/sign-out-others'), '/sign-in/code', '/sessions');
      expectPage(await visitor.post('/account/password', {}), '/sign-in/code', '/account/password');
      for (const [method, path] of [
        ['GET', '/devices'],
        ['DELETE', '/devices'],
        ['PUT', '/password'],
      ] as const) {
        expect(errorOf(await visitor.api(method, path))).toEqual([401, 'second_factor_required']);
      }
      expect(await isSignedIn(user.here)).toBe(true);
    });

    it('with the password alone, however often, signs nobody out who has proved both factors', async () => {
      const user = await addTwoFactorUser(demo);
      for (let attempt = 0; attempt <= 20; attempt++) {
        expectPage(await demo.world.visitor().signIn(user), '/sign-in/code');
      }
      expect(await isSignedIn(user.here)).toBe(true);
    });

    it('is complete with a code of the app: a new token, two factors, and on to where one was going (ASVS 7.2.4)', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = demo.world.visitor();
      const page = await visitor.follow(await visitor.signIn(user, '/sessions'));
      expect(page.body).toMatch(/<label for="code">[^<]+<\/label>/);
      expect(page.body).toMatch(/<input id="code" [^>]*inputmode="numeric" autocomplete="one-time-code"/);
      const { cookie } = visitor;
      const wrong = await visitor.post('/sign-in/code', { returnTo: '/sessions', code: user.app.wrongCode() });
      expect([wrong.status, wrong.body.includes('Wrong code.'), wrong.cookies]).toEqual([401, true, []]);
      expectPage(await visitor.get('/'), '/sign-in/code');
      const right = await visitor.post(visitor.formFor(wrong, /Sign in/), {
        returnTo: '/sessions',
        code: user.app.code(),
      });
      expect([right.status, right.location]).toEqual([303, '/sessions']);
      expect(visitor.cookie).not.toBe(cookie);
      const replayed = demo.world.visitor();
      replayed.cookie = cookie;
      expectSignInPage(await replayed.get('/'));
      expect(await devicesOf(visitor)).toContainEqual(
        expect.objectContaining({ current: true, assuranceLevel: 'aal2', awaitsSecondFactor: false }),
      );
      expect((await visitor.get('/sign-in/code?returnTo=/sessions')).location).toBe('/sessions');
    });

    it('is complete by the API, and never by the password once more', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = demo.world.visitor();
      await visitor.signIn(user);
      for (const [proof, error] of [
        [{ password: user.password }, 'wrong_code'],
        [{}, 'wrong_code'],
        [{ code: user.app.wrongCode() }, 'wrong_code'],
        [{ recoveryCode: 'AAAA' }, 'wrong_recovery_code'],
      ] as const) {
        expect(errorOf(await visitor.api('POST', '/reauthenticate', proof))).toEqual([401, error]);
      }
      expect((await visitor.post('/sign-in/code', { password: user.password })).status).toBe(401);
      expect(await isSignedIn(visitor)).toBe(false);
      expect((await visitor.api('POST', '/reauthenticate', { code: user.app.code() })).status).toBe(204);
      expect(await isSignedIn(visitor)).toBe(true);
    });

    it('leads to a page of ours whatever the form says (ASVS 3.7.2)', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = demo.world.visitor();
      expect((await visitor.signIn(user, '//evil.example')).location).toBe('/sign-in/code');
      expect((await visitor.get('/sign-in/code?returnTo=//evil.example&with=evil')).body).not.toContain('evil');
      const right = await visitor.post('/sign-in/code', { returnTo: '//evil.example', code: user.app.code() });
      expect(right.location).toBe('/');
    });

    it('can be given up half-way: signing out ends what waits', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = demo.world.visitor();
      const page = await visitor.follow(await visitor.signIn(user));
      const { cookie } = visitor;
      expectSignInPage(await visitor.post(visitor.formFor(page, /^ *Sign out *$/)), '/', 'signed-out');
      expect(visitor.cookie).toBeUndefined();
      visitor.cookie = cookie;
      expect((await visitor.api('POST', '/reauthenticate', { code: user.app.code() })).status).toBe(401);
      expectSignInPage(await visitor.get('/'));
    });

    it('that waits is shown to the user’s other devices, who can end it', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = demo.world.visitor();
      await visitor.signIn(user);
      const page = await user.here.get('/sessions');
      expect(page.body).toContain('<span class="level waiting">Waiting for a code</span>');
      expect(page.body).toContain('<span class="level">One factor</span>');
      expect((await user.here.get('/')).body).toContain('You are signed in on this device only.');
      const waiting = (await devicesOf(user.here)).find(({ current }) => !current);
      expect(waiting).toMatchObject({ awaitsSecondFactor: true, assuranceLevel: 'aal1' });
      expect((await user.here.api('DELETE', `/devices/${waiting?.id}`)).status).toBe(204);
      expect(errorOf(await visitor.api('GET', '/devices'))).toEqual([401, 'unauthenticated']);
    });
  });

  describe('stepping up', () => {
    it('is asked for by a code before the password may be changed, and leads on there', async () => {
      const user = await addTwoFactorUser(demo);
      const { here } = user;
      expect((await here.get('/sessions')).body).toContain('<span class="level">One factor</span>');
      expectPage(await here.post('/account/password', {}), '/confirm', '/account/password');
      const asked = await here.get('/account/password');
      expectPage(asked, '/confirm', '/account/password');
      const question = await here.follow(asked);
      expect(question.body).toContain('name="code"');
      expect(question.body).not.toMatch(/type="password"|with=password/);
      const right = await here.post('/confirm', { returnTo: '/account/password', code: user.app.code() });
      expect(right.location).toBe('/account/password');
      expect((await here.follow(right)).body).toContain('Change your password');
      expect((await here.get('/sessions')).body).toContain('<span class="level">Two factors</span>');
      const fields = { currentPassword: user.password, newPassword: 'a new one, longer' };
      expect((await here.post('/account/password', fields)).body).toContain('Your password is changed.');
    });

    it('is not done by the password, however fresh', async () => {
      const user = await addTwoFactorUser(demo);
      const password = { returnTo: '/account/password', password: user.password };
      expect((await user.here.post('/confirm', password)).location).toBe('/account/password');
      expectPage(await user.here.get('/account/password'), '/confirm', '/account/password');
    });

    it('the API says which level is missing, and takes the code', async () => {
      const user = await addTwoFactorUser(demo);
      const change = { currentPassword: user.password, newPassword: 'a new one, longer' };
      const refused = await user.here.api('PUT', '/password', change);
      expect([refused.status, JSON.parse(refused.body)]).toEqual([
        401,
        expect.objectContaining({ error: 'reauth_required', assuranceLevel: 'aal2' }),
      ]);
      expect(refused.headers.get('www-authenticate')).toContain('acr_values="aal2"');
      expect((await user.here.api('POST', '/reauthenticate', { code: user.app.code() })).status).toBe(204);
      expect((await user.here.api('PUT', '/password', change)).status).toBe(200);
    });

    it('is told to whoever watches security events', async () => {
      const user = await addTwoFactorUser(demo);
      const before = demo.world.stepUps.length;
      await user.here.get('/account/password');
      expect(demo.world.stepUps.slice(before)).toEqual([expect.objectContaining({ reason: 'reauth_required' })]);
    });

    it('with two factors already, an old proof is renewed by code or password, as one likes', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = await signInTwice(demo, user);
      const id = await currentIdOf(visitor);
      const proofs: Record<string, string>[] = [{ password: user.password }, { code: user.app.code() }];
      for (const proof of proofs) {
        demo.world.switches.age(id);
        const asked = await visitor.post('/sessions/sign-out-others');
        const question = await visitor.follow(asked);
        expect(question.body).toContain('name="code"');
        const other = await visitor.get(`${asked.location}?with=password`);
        expect(question.body).toContain(`href="${asked.location}?with=password"`);
        expect(other.body).toContain('name="password"');
        const done = await visitor.post(asked.location ?? '', proof);
        expect(done.location).toMatch(/^\/sessions\?notice=(?:others-signed-out|no-others)$/);
      }
      expect((await devicesOf(visitor))[0]).toMatchObject({ assuranceLevel: 'aal2' });
    });
  });
});
