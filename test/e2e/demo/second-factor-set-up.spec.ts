import { describe, expect, it } from '@jest/globals';
import { currentIdOf, DEMO_SETUPS, devicesOf, expectPage, isSignedIn, stageDemo } from './demo-stage.js';
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
} from './second-factor.js';

describe.each(DEMO_SETUPS)('setting a second factor up, with sessions in $store, on $httpAdapter', (setup) => {
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
      for (const { headers } of [page, done]) expect(headers.get('cache-control')).toContain('no-store');
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

    it('leaves no session behind whose password was checked before, and that began right after', async () => {
      const user = await addUser(demo);
      const [here, late] = [demo.world.visitor(), demo.world.visitor()];
      await here.signIn(user);
      const { secret, ticket } = readSetUp(await here.get(SET_UP));
      const code = new AuthenticatorApp(secret, demo.world.nowMs).code();
      demo.world.switches.beforeCreate = async () => {
        expect((await here.post(SET_UP, { ticket, code })).status).toBe(200);
      };
      expectPage(await late.signIn(user), '/sign-in/code');
      expect(errorOf(await late.api('GET', '/devices'))).toEqual([401, 'second_factor_required']);
      expect((await devicesOf(here)).map(({ current }) => current)).toEqual([false, true]);
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
