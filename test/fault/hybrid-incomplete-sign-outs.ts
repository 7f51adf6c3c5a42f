import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AccountController } from '../e2e/support/account.controller.js';
import { openHybridSides, type HybridSides } from '../e2e/support/hybrid-sides.js';
import { startTestApp, type TestApp } from '../e2e/support/test-app.js';
import { waitUntil } from '../support/poll.js';

/** Sign-outs over HTTP that one side could not take, with a restart of the application before they are finished. */
export function describeIncompleteSignOuts(): void {
  describe.each(['Redis', 'Postgres'])('over HTTP without %s', (away) => {
    let sides: HybridSides;
    let app: TestApp;

    const start = () =>
      startTestApp({ adapter: 'fastify', options: { store: sides.definition }, controllers: [AccountController] });
    const takeAway = () => (away === 'Redis' ? sides.freezeRedis() : sides.cutOffPostgres());
    const giveBack = () => (away === 'Redis' ? sides.thawRedis() : sides.reconnectPostgres());

    beforeEach(async () => {
      sides = await openHybridSides();
      app = await start();
    });
    afterEach(async () => {
      giveBack();
      await app.close();
      await sides.close();
    });

    const signIn = async () => {
      const browser = app.openBrowser();
      expect((await browser.post('/sign-in', { userId: 'alice', data: { visits: 7 } })).status).toBe(201);
      return browser;
    };

    it('sign-out is 503 and clears the cookie, and a restart of the application does not forget it', async () => {
      const [leaving, staying] = [await signIn(), await signIn()];
      const { token } = leaving;
      takeAway();
      const response = await leaving.post('/sign-out');
      expect(response.status).toBe(503);
      expect(response.headers['retry-after']).toBe('5');
      expect(response.setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0;/)]);
      expect(leaving.jar.size).toBe(0);
      expect(response.text).not.toContain(token);
      await app.close();
      giveBack();
      app = await start();
      await waitUntil('the sign-out is in force', async () => {
        const authenticated = await app.sessions.authenticate(token);
        return authenticated.outcome === 'absent';
      });
      expect(await app.sessions.authenticate(staying.token)).toMatchObject({ outcome: 'live' });
      expect(await app.sessions.listByUser('alice')).toHaveLength(1);
    });

    it('signing out everywhere else is 503, keeps the own cookie, and ends the others all the same', async () => {
      const [own, other] = [await signIn(), await signIn()];
      const ownToken = own.token;
      takeAway();
      const response = await own.send('DELETE', '/devices');
      expect(response).toMatchObject({ status: 503, setCookies: [] });
      expect(own.token).toBe(ownToken);
      giveBack();
      await waitUntil('the other device is signed out', async () => {
        const authenticated = await app.sessions.authenticate(other.token);
        return authenticated.outcome === 'absent';
      });
      await waitUntil('the own one is served again', async () => {
        const authenticated = await app.sessions.authenticate(ownToken);
        return authenticated.outcome === 'live' && authenticated.session.data.visits === 7;
      });
      expect(await app.sessions.listByUser('alice')).toHaveLength(1);
    });
  });
}
