import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { ALAN, DEMO_SETUPS, devicesOf, isSignedIn, stageDemo } from './demo-stage.js';

const NEW_PASSWORD = 'a halting problem';

describe.each(DEMO_SETUPS)('changing the password, with sessions in $store, on $httpAdapter', (setup) => {
  const demo = stageDemo(setup);

  /** A user of the test's own, signed in here and on two other devices. */
  const stage = async () => {
    const user = { email: `${randomUUID()}@example.com`, password: ALAN.password };
    await demo.addUser({ email: user.email, name: 'Often Changed' });
    const [here, phone, tablet] = [demo.world.visitor(), demo.world.visitor(), demo.world.visitor()];
    for (const visitor of [here, phone, tablet]) await visitor.signIn(user);
    return { user, here, phone, tablet };
  };

  it('by the page ends all other sessions, tells how many, and gives a new cookie (ASVS 6.2.2, 7.2.4, 7.4.3)', async () => {
    const { user, here, phone, tablet } = await stage();
    const { cookie } = here;
    const form = here.formFor(await here.get('/account/password'), /Change password/);
    const done = await here.post(form, { currentPassword: user.password, newPassword: NEW_PASSWORD });
    expect(done.status).toBe(200);
    expect(done.body).toContain('Your password is changed. 2 other devices were signed out.');
    expect(await Promise.all([here, phone, tablet].map(isSignedIn))).toEqual([true, false, false]);
    expect(here.cookie).not.toBe(cookie);
    const replayed = demo.world.visitor();
    replayed.cookie = cookie;
    expect(await isSignedIn(replayed)).toBe(false);
    expect((await phone.signIn(user)).status).toBe(401);
    expect((await phone.signIn({ ...user, password: NEW_PASSWORD })).status).toBe(303);
  });

  it('by the API answers with the number', async () => {
    const { user, here, phone } = await stage();
    const body = { currentPassword: user.password, newPassword: NEW_PASSWORD };
    const done = await here.api('PUT', '/password', body);
    expect([done.status, JSON.parse(done.body)]).toEqual([200, { ended: 2 }]);
    expect(await Promise.all([here, phone].map(isSignedIn))).toEqual([true, false]);
  });

  it('needs the current password and a new one of 8 characters, else nothing happens (ASVS 6.2.1, 6.2.3)', async () => {
    const { user, here, phone } = await stage();
    const wrong = { currentPassword: 'guess', newPassword: NEW_PASSWORD };
    const short = { currentPassword: user.password, newPassword: '7 chars' };
    expect((await here.post('/account/password', wrong)).status).toBe(401);
    expect((await here.post('/account/password', short)).status).toBe(400);
    const refused = [await here.api('PUT', '/password', wrong), await here.api('PUT', '/password', short)];
    expect(refused.map(({ status, body }) => [status, JSON.parse(body).error])).toEqual([
      [401, 'wrong_password'],
      [400, 'password_too_short'],
    ]);
    expect(await isSignedIn(phone)).toBe(true);
    expect((await phone.signIn(user)).status).toBe(303);
  });

  it('happens once when two with the old password do it at once', async () => {
    const { user, here, phone } = await stage();
    const passwords = ['chosen by its owner', 'chosen by a thief'];
    const answers = await Promise.all(
      [here, phone].map((visitor, index) =>
        visitor.api('PUT', '/password', { currentPassword: user.password, newPassword: passwords[index] }),
      ),
    );
    const first = answers.findIndex(({ status }) => status === 200);
    expect([answers[first]?.status, answers[1 - first]?.status]).toEqual([200, 401]);
    expect(await isSignedIn([here, phone][first] ?? here)).toBe(true);
    const signIns = passwords.map((password) => demo.world.visitor().signIn({ ...user, password }));
    expect((await Promise.all(signIns)).map(({ status }) => status === 303)).toEqual([first === 0, first === 1]);
  });

  it('leaves no session behind whose old password was checked before, and that began right after', async () => {
    const { user, here } = await stage();
    const late = demo.world.visitor();
    demo.world.switches.beforeCreate = async () => {
      const body = { currentPassword: user.password, newPassword: NEW_PASSWORD };
      expect((await here.api('PUT', '/password', body)).status).toBe(200);
    };
    const refused = await late.signIn(user);
    expect([refused.status, refused.body.includes('Wrong email or password.')]).toEqual([401, true]);
    expect([late.cookie, await isSignedIn(late)]).toEqual([undefined, false]);
    expect(await devicesOf(here)).toHaveLength(1);
  });

  it('is not done by a device that was signed out meanwhile', async () => {
    const { user, here, phone } = await stage();
    for (const change of [
      () => phone.api('PUT', '/password', { currentPassword: user.password, newPassword: NEW_PASSWORD }),
      () => phone.post('/account/password', { currentPassword: user.password, newPassword: NEW_PASSWORD }),
    ]) {
      await phone.signIn(user);
      demo.world.switches.afterFind = async () => {
        expect((await here.api('DELETE', '/devices')).status).toBe(200);
      };
      expect([401, 303]).toContain((await change()).status);
      expect(await Promise.all([here, phone].map(isSignedIn))).toEqual([true, false]);
    }
    expect((await phone.signIn({ ...user, password: NEW_PASSWORD })).status).toBe(401);
  });

  it('is for nobody who is not signed in', async () => {
    const visitor = demo.world.visitor();
    expect((await visitor.get('/account/password')).status).toBe(303);
    expect((await visitor.api('PUT', '/password', {})).status).toBe(401);
  });
});
