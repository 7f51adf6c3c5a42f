import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { launchBrowser, Person } from './browser.js';
import { SAFARI_ON_IPHONE } from './demo-visitor.js';
import { ADA, ALAN, GRACE } from './demo-stage.js';
import { DemoWorld } from './demo-world.js';
import { AuthenticatorApp, RECOVERY_CODES, REMOVAL, SET_UP } from './second-factor.js';

describe.each([{ javaScriptEnabled: true }, { javaScriptEnabled: false }])(
  'a second factor in Chromium, JavaScript $javaScriptEnabled',
  ({ javaScriptEnabled }) => {
    let world: DemoWorld;
    let browser: Browser;
    const people: Person[] = [];

    beforeAll(async () => {
      world = await DemoWorld.start({ store: 'postgres' });
      browser = await launchBrowser();
    });

    afterAll(async () => {
      await browser.close();
      await world.close();
    });

    afterEach(async () => {
      await Promise.all(people.splice(0).map(({ context }) => context.close()));
      await world.sql.query('delete from totp_factors');
      await world.sql.query('delete from sessions');
    });

    const arrive = async (options: Parameters<Browser['newContext']>[0] = {}) => {
      const person = await Person.arrive(browser, { baseURL: world.url, javaScriptEnabled, ...options });
      people.push(person);
      return person;
    };

    const pathOf = ({ page }: Person) => new URL(page.url()).pathname;

    /** From the account page to the account page. */
    const setUp = async (person: Person) => {
      const { page } = person;
      await person.click('link', 'Set it up');
      const key = await page.locator('code.secret').innerText();
      const app = new AuthenticatorApp(key.replaceAll(' ', ''), world.nowMs);
      await page.getByLabel('6-digit code').fill(app.code());
      await person.click('button', 'Turn it on');
      const recoveryCodes = await page.getByRole('listitem').allInnerTexts();
      await person.click('link', 'I have kept them');
      world.advanceCodes();
      return { app, recoveryCodes };
    };

    it('is set up by one browser, asked of the other, needed for the password, and removed', async () => {
      const laptop = await arrive();
      const phone = await arrive({ userAgent: SAFARI_ON_IPHONE });
      await laptop.signIn(ADA);
      await phone.signIn(ADA);
      const { app } = await setUp(laptop);
      await phone.click('link', 'Sessions');
      expect(await phone.notice()).toBe('Your session has ended. Please sign in again.');
      await phone.page.getByLabel('Email').fill(ADA.email);
      await phone.page.getByLabel('Password').fill(ADA.password);
      await phone.click('button', 'Sign in');
      expect(await phone.heading()).toBe('One more step');
      await phone.page.goto('/');
      expect(pathOf(phone)).toBe('/sign-in/code');

      await laptop.click('link', 'Sessions');
      const items = laptop.page.getByRole('listitem');
      expect(await items.nth(0).innerText()).toContain('One factor');
      expect(await items.nth(1).innerText()).toContain('Waiting for a code');

      await phone.page.goto('/sessions');
      await phone.page.getByLabel('6-digit code').fill(app.code());
      await phone.click('button', 'Sign in');
      expect(await phone.heading()).toBe('Active sessions');
      expect(await phone.page.getByRole('listitem').first().innerText()).toContain('Two factors');

      await laptop.page.goto('/');
      await laptop.click('link', 'Change password');
      expect(await laptop.heading()).toBe('Confirm that it is you');
      await laptop.page.getByLabel('6-digit code').fill(app.code());
      await laptop.click('button', 'Continue');
      expect(await laptop.page.getByRole('alert').textContent()).toMatch(/^That code was used before/);
      world.advanceCodes();
      await laptop.page.getByLabel('6-digit code').fill(app.code());
      await laptop.click('button', 'Continue');
      expect(await laptop.heading()).toBe('Change your password');

      await laptop.page.goto('/');
      await laptop.click('link', 'Remove');
      await laptop.click('button', 'Remove it');
      expect(await laptop.notice()).toBe('The authenticator app is removed. All other devices are signed out.');
      await phone.page.reload();
      expect(await phone.heading()).toBe('Sign in');
    });

    it('may be a recovery code where the app is not at hand', async () => {
      const person = await arrive();
      await person.signIn(GRACE);
      const { recoveryCodes } = await setUp(person);
      expect(recoveryCodes).toHaveLength(8);
      await person.click('button', 'Sign out');
      await person.signIn(GRACE);
      await person.click('link', 'Use a recovery code instead');
      await person.page.getByLabel('Recovery code').fill(recoveryCodes[0] ?? '');
      await person.click('button', 'Sign in');
      expect(await person.heading()).toBe('Hello, Grace Hopper');
      expect(await person.page.getByText('7 recovery codes').count()).toBe(1);
    });

    it('is given up by signing out, and by nothing left to go back to', async () => {
      const person = await arrive();
      await person.signIn(ALAN);
      await setUp(person);
      await person.click('button', 'Sign out');
      await person.signIn(ALAN);
      await person.click('button', 'Sign out');
      expect(await person.notice()).toBe('You are signed out.');
      await person.page.goBack();
      expect(await person.heading()).toBe('Sign in');
    });

    it('works by keyboard alone', async () => {
      const person = await arrive();
      const { page } = person;
      await person.signIn(GRACE);
      const { app } = await setUp(person);
      await person.click('button', 'Sign out');
      await person.signIn(GRACE);
      await page.locator('#code:focus').waitFor();
      await page.keyboard.type(app.code());
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: /^Hello/ }).waitFor();
      expect(await person.heading()).toBe('Hello, Grace Hopper');
    });

    if (javaScriptEnabled) {
      it.each(['light', 'dark'] as const)(
        'fits a phone of 320 pixels, %s, and gives the browser nothing to complain about',
        async (colorScheme) => {
          const phone = await arrive({ viewport: { width: 320, height: 640 }, colorScheme });
          const { page } = phone;
          const expectFit = async () => expect([page.url(), await phone.overflow()]).toEqual([page.url(), 0]);
          await phone.signIn(ADA);
          await page.goto(SET_UP);
          await expectFit();
          const box = await page.locator('.qr-code svg').boundingBox();
          expect(box?.width).toBeGreaterThan(180);
          const key = (await page.locator('code.secret').innerText()).replaceAll(' ', '');
          const app = new AuthenticatorApp(key, world.nowMs);
          await page.getByLabel('6-digit code').fill(app.code());
          await phone.click('button', 'Turn it on');
          await expectFit();
          const card = await page.locator('article').boundingBox();
          for (const code of await page.locator('.recovery-codes code').all()) {
            const { x, width } = (await code.boundingBox()) ?? { x: 0, width: Infinity };
            expect(x + width).toBeLessThan((card?.x ?? 0) + (card?.width ?? 0));
          }
          world.advanceCodes();
          for (const path of ['/', '/sessions', REMOVAL, '/confirm?with=recovery-code']) {
            await page.goto(path);
            await expectFit();
          }
          await page.goto('/confirm');
          await page.getByLabel('6-digit code').fill(app.code());
          await phone.click('button', 'Continue');
          for (const path of [REMOVAL, RECOVERY_CODES, '/confirm']) {
            await page.goto(path);
            await expectFit();
          }
          await phone.click('button', 'Sign out');
          await phone.signIn(ADA);
          await expectFit();
          expect(phone.complaints).toEqual([]);
        },
      );
    }
  },
);
