import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { DEMO_USERS } from '../../../apps/demo/src/users/demo-users.js';
import {
  ADA,
  ALAN,
  currentIdOf,
  DEMO_SETUPS,
  devicesOf,
  expectSignInPage,
  GRACE,
  isSignedIn,
  stageDemo,
} from './demo-stage.js';

describe.each(DEMO_SETUPS)('the demo with sessions in $store, on $httpAdapter', (setup) => {
  const demo = stageDemo(setup);

  describe('signing in', () => {
    it('is asked of a visitor who opens a page, and brings them there', async () => {
      const visitor = demo.world.visitor();
      expectSignInPage(await visitor.get('/'));
      const answer = await visitor.get('/sessions');
      expectSignInPage(answer, '/sessions');
      const page = await visitor.follow(answer);
      expect(page.body).toContain('Please sign in to continue.');
      expect(page.body).toContain('<input type="hidden" name="returnTo" value="/sessions"');
      for (const { email, password } of DEMO_USERS) {
        expect(page.body).toContain(email);
        expect(page.body).toContain(password);
      }
      const signedIn = await visitor.signIn(ALAN, '/sessions');
      expect([signedIn.status, signedIn.location]).toEqual([303, '/sessions']);
      expect((await visitor.follow(signedIn)).body).toContain('Active sessions');
    });

    it('leads on to any path of this site, whatever characters it has', async () => {
      const answer = await demo.world.visitor().signIn(ALAN, '/\uff0fevil.example');
      expect([answer.status, answer.location]).toEqual([303, '/%EF%BC%8Fevil.example']);
    });

    it('gives a cookie that scripts do not see and other sites do not send (ASVS 3.3.2, 3.3.4)', async () => {
      const { cookies, headers } = await demo.world.visitor().signIn(GRACE);
      expect(cookies).toHaveLength(1);
      expect(cookies[0]).toMatch(/^session=[\w-]{64}; /);
      for (const attribute of [/; HttpOnly/i, /; SameSite=Lax/i, /; Path=\//i]) expect(cookies[0]).toMatch(attribute);
      expect(headers.get('cache-control')).toContain('no-store');
    });

    it('is not something another site can do to a visitor, nor signing out (CSRF)', async () => {
      const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
      const { email, password } = GRACE;
      const visitor = demo.world.visitor();
      const refused = await visitor.post('/sign-in', { email, password, returnTo: '/' }, foreign);
      expect([refused.status, refused.cookies]).toEqual([403, []]);
      expect(refused.body).toContain('That did not come from our pages');
      expect((await demo.laptop.post('/sign-out', {}, foreign)).status).toBe(403);
      expect(await isSignedIn(demo.laptop)).toBe(true);
    });

    it('says the same of a wrong password and of nobody', async () => {
      const visitor = demo.world.visitor();
      const wrong = await visitor.signIn({ email: GRACE.email, password: 'nope' });
      const nobody = await visitor.signIn({ email: 'nobody@example.com', password: 'nope' });
      expect([wrong.status, nobody.status]).toEqual([401, 401]);
      expect(wrong.body).toContain('Wrong email or password.');
      expect(nobody.body.replaceAll('nobody@example.com', GRACE.email)).toBe(wrong.body);
      expect([...wrong.cookies, ...nobody.cookies]).toEqual([]);
    });

    it('leads to a page of ours whatever the form says (ASVS 3.7.2)', async () => {
      for (const returnTo of [
        '//evil.example',
        '/\\evil.example',
        'https:evil.example',
        'https://evil.example',
        '/\tevil',
      ]) {
        expect((await demo.world.visitor().signIn(ALAN, returnTo)).location).toBe('/');
        const page = await demo.world
          .visitor()
          .get(`/sign-in?returnTo=${encodeURIComponent(returnTo)}&notice=${encodeURIComponent(returnTo)}`);
        expect(page.body).not.toContain('evil');
      }
    });

    it('shows what was typed as text', async () => {
      const { body } = await demo.world.visitor().signIn({ email: '"><script>alert(1)</script>', password: 'x' });
      expect(body).not.toContain('<script>');
      expect(body).toContain('&quot;&gt;&lt;script&gt;');
    });

    it('ends the session that the browser held, also another user’s (neiliro/neiliro#43)', async () => {
      const before = demo.laptop.cookie;
      const sessions = (await devicesOf(demo.phone)).length;
      await demo.laptop.signIn(ADA);
      expect(await devicesOf(demo.phone)).toHaveLength(sessions);
      const replayed = demo.world.visitor();
      replayed.cookie = before;
      expect(await isSignedIn(replayed)).toBe(false);
      await demo.laptop.signIn(GRACE);
      expect(await devicesOf(demo.phone)).toHaveLength(sessions - 1);
      expect((await demo.laptop.get('/')).body).toContain('Grace Hopper');
    });

    it('is not asked twice', async () => {
      expect((await demo.laptop.get('/sign-in?returnTo=/sessions')).location).toBe('/sessions');
    });

    it('is refused after ten wrong passwords, for this user only', async () => {
      const guesser = demo.world.visitor();
      const email = `${randomUUID()}@example.com`;
      await demo.addUser({ email, name: 'Often Guessed' });
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
      const response = await fetch(`${demo.world.url}/sign-in`, {
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
        expect(demo.laptop.formFor(await demo.laptop.get(path), /^ *Sign out *$/)).toBe('/sign-out');
      }
      expect((await demo.laptop.get('/sign-out')).status).toBe(404);
      expect(await isSignedIn(demo.laptop)).toBe(true);
    });

    it('ends the session for good: its cookie is worth nothing afterwards (ASVS 7.4.1)', async () => {
      const { cookie } = demo.laptop;
      const answer = await demo.laptop.post('/sign-out');
      expectSignInPage(answer, '/', 'signed-out');
      expect(demo.laptop.cookie).toBeUndefined();
      expect((await demo.laptop.follow(answer)).body).toContain('You are signed out.');
      const replayed = demo.world.visitor();
      replayed.cookie = cookie;
      const over = await replayed.get('/');
      expectSignInPage(over);
      expect((await replayed.follow(over)).body).toContain('Your session has ended. Please sign in again.');
      expect((await replayed.api('GET', '/devices')).status).toBe(401);
      expect(await isSignedIn(demo.phone)).toBe(true);
    });

    it('works for somebody whose session is over already', async () => {
      await demo.phone.api('DELETE', `/devices/${await currentIdOf(demo.laptop)}`);
      expectSignInPage(await demo.laptop.post('/sign-out'), '/', 'signed-out');
    });
  });

  describe('the account page', () => {
    it('says who is signed in, where, since when, and links to the sessions', async () => {
      const { status, body } = await demo.laptop.get('/');
      expect(status).toBe(200);
      for (const text of ['Hello, Ada Lovelace', 'ada@example.com', 'Firefox on Linux', 'on 2 devices']) {
        expect(body).toContain(text);
      }
      expect(body).toMatch(/<dt>Since<\/dt><dd><time datetime="[^"]+Z" title="[^"]+ UTC">just now<\/time>/);
      expect(body).toMatch(/href="\/sessions">Manage sessions</);
    });

    it('of a user who was deleted leads to the sign-in page', async () => {
      const email = `${randomUUID()}@example.com`;
      await demo.addUser({ email, name: 'Short Lived' });
      const visitor = demo.world.visitor();
      await visitor.signIn({ email, password: ALAN.password });
      expect((await visitor.get('/')).body).toContain('Short Lived');
      await demo.world.sql.query('delete from users where email = $1', [email]);
      const answer = await visitor.get('/');
      expectSignInPage(answer);
      const page = await visitor.follow(answer);
      expect([page.status, page.body.includes('Your session has ended.')]).toEqual([200, true]);
      expect((await visitor.api('GET', '/devices')).status).toBe(401);
    });
  });
});
