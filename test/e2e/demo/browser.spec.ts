import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { DEMO_USERS } from '../../../apps/demo/src/users/demo-users.js';
import { launchBrowser, Person } from './browser.js';
import { SAFARI_ON_IPHONE } from './demo-visitor.js';
import { DemoWorld } from './demo-world.js';

const [ADA, GRACE, ALAN] = DEMO_USERS;
const PAGES = ['/', '/account/password', '/sessions', '/sessions/sign-out-others/confirm', '/nowhere'];

describe.each([{ javaScriptEnabled: true }, { javaScriptEnabled: false }])(
  'the demo in Chromium, JavaScript $javaScriptEnabled',
  ({ javaScriptEnabled }) => {
    let world: DemoWorld;
    let browser: Browser;
    let people: Person[];

    beforeAll(async () => {
      world = await DemoWorld.start({ store: 'postgres' });
      browser = await launchBrowser();
    });

    afterAll(async () => {
      await browser.close();
      await world.close();
    });

    beforeEach(async () => {
      people = [];
      await world.sql.query('delete from sessions');
    });

    afterEach(async () => {
      await Promise.all(people.map(({ context }) => context.close()));
    });

    const arrive = async (options: Parameters<Browser['newContext']>[0] = {}) => {
      const person = await Person.arrive(browser, { baseURL: world.url, javaScriptEnabled, ...options });
      people.push(person);
      return person;
    };

    const ageAllSignIns = () => world.sql.query(`update sessions set authenticated_at = now() - interval '11 minutes'`);

    it('lets one browser sign the other out, which is at the sign-in page at its next click', async () => {
      const laptop = await arrive();
      const phone = await arrive({ userAgent: SAFARI_ON_IPHONE });
      await laptop.signIn(ADA);
      await phone.signIn(ADA);

      await laptop.click('link', 'Manage sessions');
      expect(await laptop.page.getByRole('listitem').count()).toBe(2);
      expect(await laptop.page.getByRole('listitem').first().innerText()).toMatch(/^Chrome on Linux\s+This device/);
      await laptop.click('button', 'Sign out Safari on iPhone');
      expect(await laptop.notice()).toBe('The device is signed out.');
      expect(await laptop.page.getByRole('listitem').count()).toBe(1);

      await phone.click('link', 'Sessions');
      expect(new URL(phone.page.url()).pathname).toBe('/sign-in');
      expect(await phone.notice()).toBe('Your session has ended. Please sign in again.');
      await phone.page.getByLabel('Email').fill(ADA.email);
      await phone.page.getByLabel('Password').fill(ADA.password);
      await phone.click('button', 'Sign in');
      expect(await phone.heading()).toBe('Active sessions');
    });

    it('asks for the password again when it was given long ago, and continues', async () => {
      const laptop = await arrive();
      const phone = await arrive({ userAgent: SAFARI_ON_IPHONE });
      await laptop.signIn(ADA);
      await phone.signIn(ADA);
      await ageAllSignIns();

      await laptop.page.goto('/sessions');
      await laptop.click('button', 'Sign out all others');
      expect(await laptop.heading()).toBe('Sign out all other devices?');
      await laptop.page.getByLabel(/^Password/).fill('not it');
      await laptop.click('button', 'Sign out all others');
      expect(await laptop.page.getByRole('alert').textContent()).toBe('Wrong password.');
      await laptop.page.getByLabel(/^Password/).fill(ADA.password);
      await laptop.click('button', 'Sign out all others');
      expect(await laptop.notice()).toBe('All other devices are signed out.');

      await phone.page.reload();
      expect(await phone.heading()).toBe('Sign in');
    });

    it('changes the password in one browser, which signs the other out', async () => {
      const laptop = await arrive();
      const phone = await arrive({ userAgent: SAFARI_ON_IPHONE });
      await laptop.signIn(ALAN);
      await phone.signIn(ALAN);
      await laptop.click('link', 'Change password');
      await laptop.page.getByLabel('Current password').fill(ALAN.password);
      await laptop.page.getByLabel(/^New password/).fill('a halting problem');
      await laptop.click('button', 'Change password');
      expect(await laptop.notice()).toBe('Your password is changed. 1 other device was signed out.');

      await phone.click('link', 'Sessions');
      expect(await phone.notice()).toBe('Your session has ended. Please sign in again.');
      await phone.signIn({ ...ALAN, password: 'a halting problem' });
      expect(await phone.heading()).toBe('Hello, Alan Turing');
    });

    it('can be left by cancelling, with nothing signed out', async () => {
      const laptop = await arrive();
      const phone = await arrive({ userAgent: SAFARI_ON_IPHONE });
      await laptop.signIn(ADA);
      await phone.signIn(ADA);
      await ageAllSignIns();
      await laptop.page.goto('/sessions');
      await laptop.click('button', 'Sign out Safari on iPhone');
      await laptop.click('link', 'Cancel');
      expect(await laptop.page.getByRole('listitem').count()).toBe(2);
    });

    it('signs out, and the button “back” shows nothing of the account', async () => {
      const person = await arrive();
      await person.signIn(GRACE);
      await person.click('button', 'Sign out');
      expect(await person.notice()).toBe('You are signed out.');
      await person.page.goBack();
      expect(await person.page.content()).not.toContain('Grace Hopper</h1>');
      expect(await person.heading()).toBe('Sign in');
    });

    it('works by keyboard alone, and names every field and button', async () => {
      const person = await arrive();
      await person.page.goto('/sign-in');
      await person.page.locator('#email:focus').waitFor();
      await person.page.keyboard.type(ADA.email);
      await person.page.keyboard.press('Tab');
      await person.page.keyboard.type(ADA.password);
      await person.page.keyboard.press('Enter');
      await person.page.getByRole('heading', { level: 1, name: 'Hello, Ada Lovelace' }).waitFor();
      await person.page.goto('/sessions');
      await person.page.keyboard.press('Tab');
      expect(await person.page.locator(':focus').textContent()).toBe('Skip to content');
      for (const button of await person.page.getByRole('button').all()) {
        expect(await button.innerText()).toMatch(/Sign out/);
      }
    });

    if (javaScriptEnabled) {
      it('fits a phone of 320 pixels, with a long address and a full list', async () => {
        for (const userAgent of [SAFARI_ON_IPHONE, undefined, 'curl/8.9.1']) {
          await world.visitor({ userAgent }).signIn(ADA);
        }
        await world.sql.query(`update sessions set ip_address = '2001:db8:85a3:1319:8a2e:1370:7334:abcd'`);
        const phone = await arrive({ viewport: { width: 320, height: 640 } });
        await phone.page.goto('/sign-in');
        expect(await phone.overflow()).toBe(0);
        await phone.signIn(ADA);
        for (const path of PAGES) {
          await phone.page.goto(path);
          expect([path, await phone.overflow()]).toEqual([path, 0]);
        }
      });

      it('gives the browser nothing to complain about: no blocked style or script, no missing file', async () => {
        for (const colorScheme of ['light', 'dark'] as const) {
          const person = await arrive({ colorScheme });
          await person.page.goto('/sign-in');
          await person.page.getByLabel('Email').fill(ADA.email);
          await person.page.getByLabel('Password').fill('not it');
          await person.click('button', 'Sign in');
          await person.page.getByRole('alert').waitFor();
          // Chromium tells of every 401 as of a missing file; this one is meant.
          expect(person.complaints.splice(0)).toEqual([expect.stringContaining('status of 401')]);
          await person.signIn(ADA);
          for (const path of PAGES.filter((page) => page !== '/nowhere')) await person.page.goto(path);
          expect(person.complaints).toEqual([]);
        }
      });
    }
  },
);
