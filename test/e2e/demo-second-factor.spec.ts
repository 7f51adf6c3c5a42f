import { describe, expect, it } from '@jest/globals';
import {
  currentIdOf,
  DEMO_SETUPS,
  devicesOf,
  expectPage,
  expectSignInPage,
  isSignedIn,
  stageDemo,
} from './demo/demo-stage.js';
import {
  addTwoFactorUser,
  addUser,
  AuthenticatorApp,
  readRecoveryCodes,
  readSetUp,
  RECOVERY_CODES,
  REMOVAL,
  SET_UP,
  signInTwice,
} from './demo/second-factor.js';

describe.each(DEMO_SETUPS)('a second factor, with sessions in $store, on $httpAdapter', (setup) => {
  const demo = stageDemo(setup);

  const errorOf = ({ status, body }: { status: number; body: string }) => [status, JSON.parse(body).error];

  describe('setting it up', () => {
    it('shows a QR code and the secret, and is done by a code: a new token here, all other sessions end (ASVS 7.4.3)', async () => {
      const user = await addUser(demo);
      const [here, phone] = [demo.world.visitor(), demo.world.visitor()];
      for (const visitor of [here, phone]) await visitor.signIn(user);
      expect((await here.get('/')).body).toContain('Off: your password is enough to sign in.');
      const page = await here.get(SET_UP);
      expect(page.body).toMatch(/<div class="qr-code" role="img" aria-label="[^"]+"><svg [^>]+><rect /);
      expect(page.body).toMatch(/autocomplete="one-time-code"/);
      expect(page.body).toMatch(/inputmode="numeric"/);
      expect(page.body).not.toMatch(/<script|<style|\sstyle=|\son\w+=|data:/i);
      const { secret, ticket } = readSetUp(page);
      const app = new AuthenticatorApp(secret, demo.world.nowMs);

      const { cookie } = here;
      const done = await here.post(SET_UP, { ticket, code: app.code() });
      expect(done.status).toBe(200);
      expect(readRecoveryCodes(done)).toHaveLength(8);
      expect(await Promise.all([here, phone].map(isSignedIn))).toEqual([true, false]);
      expect(here.cookie).not.toBe(cookie);
      const replayed = demo.world.visitor();
      replayed.cookie = cookie;
      expect(await isSignedIn(replayed)).toBe(false);
      expect((await here.get('/')).body).toMatch(/On since <time[^>]+>just now<\/time>, with 8 recovery codes left\./);
      expect((await here.get(SET_UP)).location).toBe('/?notice=second-factor-already-on');
      expect((await here.post(SET_UP, { ticket, code: app.code(1) })).location).toBe(
        '/?notice=second-factor-already-on',
      );
    });

    it('is not done by a wrong code, and nothing is stored before a right one', async () => {
      const user = await addUser(demo);
      const [here, phone] = [demo.world.visitor(), demo.world.visitor()];
      for (const visitor of [here, phone]) await visitor.signIn(user);
      const { secret, ticket } = readSetUp(await here.get(SET_UP));
      const app = new AuthenticatorApp(secret, demo.world.nowMs);
      const refused = await here.post(SET_UP, { ticket, code: app.wrongCode() });
      expect([refused.status, refused.cookies]).toEqual([400, []]);
      expect(refused.body).toContain('Wrong code.');
      expect(readSetUp(refused).secret).toBe(secret);
      expect(await isSignedIn(phone)).toBe(true);
      const { rows } = await demo.world.sql.query(
        'select 1 from totp_factors f join users u on u.id = f.user_id where u.email = $1',
        [user.email],
      );
      expect(rows).toEqual([]);
      expect((await demo.world.visitor().signIn(user)).location).toBe('/');
    });

    it('takes no secret but one that this very session was shown', async () => {
      const user = await addUser(demo);
      const [here, thief] = [demo.world.visitor(), demo.world.visitor()];
      for (const visitor of [here, thief]) await visitor.signIn(user);
      const { secret, ticket } = readSetUp(await thief.get(SET_UP));
      const code = new AuthenticatorApp(secret, demo.world.nowMs).code();
      for (const foreign of [ticket, '', `${ticket.slice(0, -4)}AAAA`, secret]) {
        expect((await here.post(SET_UP, { ticket: foreign, code })).status).toBe(400);
      }
      expect(readSetUp(await here.get(SET_UP)).secret).not.toBe(secret);
      expect((await thief.post(SET_UP, { ticket, code })).status).toBe(200);
    });

    it('needs a fresh proof, which is asked for on the way (ASVS 7.5.1)', async () => {
      const user = await addUser(demo);
      const here = demo.world.visitor();
      await here.signIn(user);
      const { ticket } = readSetUp(await here.get(SET_UP));
      demo.world.switches.age(await currentIdOf(here));
      expectPage(await here.post(SET_UP, { ticket, code: '123456' }), '/confirm', SET_UP);
      const asked = await here.get(SET_UP);
      expectPage(asked, '/confirm', SET_UP);
      const question = await here.follow(asked);
      expect(question.body).toMatch(/name="password" type="password"/);
      expect(question.body).not.toContain('name="code"');
      const wrong = await here.post('/confirm', { returnTo: SET_UP, password: 'guess' });
      expect([wrong.status, wrong.body.includes('Wrong password.')]).toEqual([401, true]);
      const right = await here.post('/confirm', { returnTo: SET_UP, password: user.password });
      expect(right.location).toBe(SET_UP);
      readSetUp(await here.follow(right));
    });
  });

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
      expect(page.body).toContain('<span class="waiting">Waiting for the second step</span>');
      expect(page.body).toContain('<span>One factor</span>');
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
      expect((await here.get('/sessions')).body).toContain('<span>One factor</span>');
      expectPage(await here.post('/account/password', {}), '/confirm', '/account/password');
      const asked = await here.get('/account/password');
      expectPage(asked, '/confirm', '/account/password');
      const question = await here.follow(asked);
      expect(question.body).toContain('name="code"');
      expect(question.body).not.toMatch(/type="password"|with=password/);
      const right = await here.post('/confirm', { returnTo: '/account/password', code: user.app.code() });
      expect(right.location).toBe('/account/password');
      expect((await here.follow(right)).body).toContain('Change your password');
      expect((await here.get('/sessions')).body).toContain('<span>Two factors</span>');
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

  describe('removing it', () => {
    it('needs two factors and a fresh proof, then ends all other sessions, waiting ones too (ASVS 7.4.3)', async () => {
      const user = await addTwoFactorUser(demo);
      const { here } = user;
      for (const answer of [await here.get(REMOVAL), await here.post(REMOVAL)]) expectPage(answer, '/confirm', REMOVAL);
      const visitor = await signInTwice(demo, user);
      const id = await currentIdOf(visitor);
      demo.world.switches.age(id);
      for (const answer of [await visitor.get(REMOVAL), await visitor.post(REMOVAL)]) {
        expectPage(answer, '/confirm', REMOVAL);
      }
      await visitor.post('/confirm', { returnTo: REMOVAL, password: user.password });
      const waiting = demo.world.visitor();
      await waiting.signIn(user);
      const { cookie } = visitor;
      const question = await visitor.get(REMOVAL);
      const done = await visitor.post(visitor.formFor(question, /Remove it/));
      expect(done.location).toBe('/?notice=second-factor-removed');
      expect(visitor.cookie).not.toBe(cookie);
      expect(await Promise.all([visitor, here].map(isSignedIn))).toEqual([true, false]);
      expect(errorOf(await waiting.api('GET', '/devices'))).toEqual([401, 'unauthenticated']);
      expect((await here.signIn(user)).location).toBe('/');
      expect((await visitor.post(REMOVAL)).location).toBe('/?notice=second-factor-already-off');
    });

    it('or new recovery codes are for nobody who has proved one factor only', async () => {
      const user = await addUser(demo);
      const here = demo.world.visitor();
      await here.signIn(user);
      for (const path of [REMOVAL, RECOVERY_CODES]) expectPage(await here.post(path), '/confirm', path);
    });
  });
});
