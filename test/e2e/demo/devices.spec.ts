import { beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  ADA,
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

  describe('the active-sessions page', () => {
    it('shows each device in words, marks this one, and tells times in UTC (mattermost/mattermost-mobile#232)', async () => {
      const { status, body } = await demo.laptop.get('/sessions');
      expect(status).toBe(200);
      expect(body.match(/class="card device"/g)).toHaveLength(2);
      expect(body.match(/<h3>Firefox on Linux <span class="badge">This device<\/span> /g)).toHaveLength(1);
      expect(body.match(/class="badge"/g)).toHaveLength(1);
      expect(body).toContain('<h3>Safari on iPhone <span class="level">One factor</span></h3>');
      expect(body).toMatch(
        /Last active <time datetime="\d{4}-\d\d-\d\dT[\d:.]+Z" title="\d+ \w+ \d{4} at [\d:]+ UTC">just now</,
      );
      expect(body).toMatch(/<span>(127\.0\.0\.1|::1)<\/span>/);
    });

    it('signs another device out, whose next click ends at the sign-in page', async () => {
      const page = await demo.laptop.get('/sessions');
      const answer = await demo.laptop.post(demo.laptop.formFor(page, /Sign out Safari on iPhone/));
      expect([answer.status, answer.location]).toEqual([303, '/sessions?notice=device-signed-out']);
      const after = await demo.laptop.follow(answer);
      expect(after.body).toContain('The device is signed out.');
      expect(after.body).toContain('You are not signed in anywhere else.');
      const over = await demo.phone.get('/sessions');
      expectSignInPage(over, '/sessions');
      expect((await demo.phone.follow(over)).body).toContain('Your session has ended. Please sign in again.');
      const again = await demo.laptop.post(demo.laptop.formFor(page, /Sign out Safari on iPhone/));
      expect(again.location).toBe('/sessions?notice=device-already-signed-out');
    });

    it('signs all others out', async () => {
      const tablet = demo.world.visitor();
      await tablet.signIn(ADA);
      const page = await demo.laptop.get('/sessions');
      const answer = await demo.laptop.post(demo.laptop.formFor(page, /Sign out all others/));
      expect(answer.location).toBe('/sessions?notice=others-signed-out');
      expect(await Promise.all([demo.laptop, demo.phone, tablet].map(isSignedIn))).toEqual([true, false, false]);
      expect((await demo.laptop.post('/sessions/sign-out-others')).location).toBe('/sessions?notice=no-others');
    });

    it('signs this device out', async () => {
      const page = await demo.laptop.get('/sessions');
      expectSignInPage(await demo.laptop.post(demo.laptop.formFor(page, /Sign out this device/)), '/', 'signed-out');
      expect(await isSignedIn(demo.laptop)).toBe(false);
    });

    it('does not touch another user’s session, nor tell whether there is one (ASVS 7.5.2, better-auth/better-auth#6940)', async () => {
      const grace = demo.world.visitor();
      await grace.signIn(GRACE);
      for (const id of [await currentIdOf(grace), randomUUID(), 'x', 'x%2fy']) {
        expect((await demo.laptop.post(`/sessions/${id}/sign-out`)).location).toBe(
          '/sessions?notice=device-already-signed-out',
        );
        expect((await demo.laptop.get(`/sessions/${id}/sign-out/confirm`)).location).toBe(
          '/sessions?notice=device-already-signed-out',
        );
      }
      expect(await isSignedIn(grace)).toBe(true);
    });

    it('changes nothing by GET (ASVS 3.5.3)', async () => {
      for (const path of [`/sessions/${await currentIdOf(demo.phone)}/sign-out`, '/sessions/sign-out-others']) {
        expect((await demo.laptop.get(path)).status).toBe(404);
      }
      expect(await isSignedIn(demo.phone)).toBe(true);
    });
  });

  describe('when the password was given long ago (ASVS 7.5.2)', () => {
    beforeEach(async () => {
      demo.world.switches.age(await currentIdOf(demo.laptop));
    });

    it('asks for it before signing one device out, then does that', async () => {
      const id = await currentIdOf(demo.phone);
      const asked = await demo.laptop.post(`/sessions/${id}/sign-out`);
      expect([asked.status, asked.location]).toEqual([303, `/sessions/${id}/sign-out/confirm`]);
      expect(await isSignedIn(demo.phone)).toBe(true);
      const question = await demo.laptop.follow(asked);
      expect(question.body).toContain('Sign out Safari on iPhone?');
      const path = demo.laptop.formFor(question, /Sign out this device/);

      const wrong = await demo.laptop.post(path, { password: GRACE.password });
      expect(wrong.status).toBe(401);
      expect(wrong.body).toContain('Wrong password.');
      expect(await isSignedIn(demo.phone)).toBe(true);

      const right = await demo.laptop.post(path, { password: ADA.password });
      expect(right.location).toBe('/sessions?notice=device-signed-out');
      expect(await isSignedIn(demo.phone)).toBe(false);
    });

    it('asks for it before signing all others out, gives a new cookie, and does not ask again (ASVS 7.2.4)', async () => {
      const before = demo.laptop.cookie;
      const asked = await demo.laptop.post('/sessions/sign-out-others');
      const question = await demo.laptop.follow(asked);
      expect(question.body).toContain('Sign out all other devices?');
      const done = await demo.laptop.post(demo.laptop.formFor(question, /Sign out all others/), {
        password: ADA.password,
      });
      expect(done.location).toBe('/sessions?notice=others-signed-out');
      expect(demo.laptop.cookie).not.toBe(before);
      const replayed = demo.world.visitor();
      replayed.cookie = before;
      expect(await isSignedIn(replayed)).toBe(false);
      expect(await Promise.all([demo.laptop, demo.phone].map(isSignedIn))).toEqual([true, false]);
      expect((await demo.laptop.post('/sessions/sign-out-others')).location).toBe('/sessions?notice=no-others');
    });

    it('does not ask for it to sign this device out', async () => {
      const page = await demo.laptop.get('/sessions');
      expectSignInPage(await demo.laptop.post(demo.laptop.formFor(page, /Sign out this device/)), '/', 'signed-out');
    });

    it('never follows an address from the request', async () => {
      const question = await demo.laptop.get(
        '/sessions/sign-out-others/confirm?returnTo=//evil.example&next=//evil.example',
      );
      expect(question.body).not.toContain('evil');
      const done = await demo.laptop.post('/sessions/sign-out-others/confirm?returnTo=//evil.example', {
        password: ADA.password,
        returnTo: 'https://evil.example',
        next: '//evil.example',
      });
      expect(done.location).toBe('/sessions?notice=others-signed-out');
    });

    it('the API says so, and takes the password', async () => {
      const id = await currentIdOf(demo.phone);
      for (const path of ['/devices', `/devices/${id}`]) {
        const refused = await demo.laptop.api('DELETE', path);
        expect(refused.status).toBe(401);
        expect(JSON.parse(refused.body)).toMatchObject({ error: 'reauth_required' });
      }
      expect(await isSignedIn(demo.phone)).toBe(true);
      const wrong = await demo.laptop.api('POST', '/reauthenticate', { password: 'nope' });
      expect([wrong.status, JSON.parse(wrong.body)]).toEqual([
        401,
        expect.objectContaining({ error: 'wrong_password' }),
      ]);
      const before = demo.laptop.cookie;
      expect((await demo.laptop.api('POST', '/reauthenticate', { password: ADA.password })).status).toBe(204);
      expect(demo.laptop.cookie).not.toBe(before);
      expect((await demo.laptop.api('DELETE', `/devices/${id}`)).status).toBe(204);
      expect(await isSignedIn(demo.phone)).toBe(false);
    });
  });

  describe('the devices API', () => {
    it('lists public ids and no secret (ASVS 7.5.2, better-auth/better-auth#6940)', async () => {
      const devices = await devicesOf(demo.laptop);
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
          assuranceLevel: 'aal1',
          awaitsSecondFactor: false,
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
        const { status, headers, location } = await demo.world.visitor().api(method, path);
        expect([status, location]).toEqual([401, null]);
        expect(headers.get('content-type')).toContain('application/json');
      }
    });

    it('ends one device of the user', async () => {
      const { status, body } = await demo.laptop.api('DELETE', `/devices/${await currentIdOf(demo.phone)}`);
      expect([status, body]).toEqual([204, '']);
      expect(await isSignedIn(demo.phone)).toBe(false);
    });

    it('ends the current one and takes its cookie away', async () => {
      expect((await demo.laptop.api('DELETE', `/devices/${await currentIdOf(demo.laptop)}`)).status).toBe(204);
      expect(demo.laptop.cookie).toBeUndefined();
      expect(await isSignedIn(demo.phone)).toBe(true);
    });

    it('ends all others and says how many', async () => {
      expect(JSON.parse((await demo.laptop.api('DELETE', '/devices')).body)).toEqual({ revoked: 1 });
      expect(JSON.parse((await demo.laptop.api('DELETE', '/devices')).body)).toEqual({ revoked: 0 });
      expect(await Promise.all([demo.laptop, demo.phone].map(isSignedIn))).toEqual([true, false]);
    });

    it('knows no foreign, unknown, malformed or ended id (IDOR, better-auth/better-auth#6940)', async () => {
      const grace = demo.world.visitor();
      await grace.signIn(GRACE);
      const ended = await currentIdOf(demo.phone);
      await demo.phone.post('/sign-out');
      for (const id of [await currentIdOf(grace), randomUUID(), 'x', `${ended}%00`, ended, ended.toUpperCase()]) {
        const { status, body } = await demo.laptop.api('DELETE', `/devices/${id}`);
        expect([id, status]).toEqual([id, 404]);
        expect(JSON.parse(body)).toMatchObject({ statusCode: 404, message: 'Not Found' });
      }
      expect(await isSignedIn(grace)).toBe(true);
    });
  });
});
