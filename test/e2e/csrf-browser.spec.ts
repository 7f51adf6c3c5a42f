import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Header, Post, Query } from '@nestjs/common';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CurrentHttpSession, type HttpSession } from 'nest-sessions';
import type { Page } from 'playwright-core';
import { formPage } from './support/sites.js';
import { SitesStage } from './support/sites-stage.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';

/** What reached the application, as its own server saw it, and what became of it. */
interface Submission {
  readonly origin: string | undefined;
  readonly site: string | string[] | undefined;
  readonly status: number;
}

@Controller()
class PagesController {
  static ran = 0;

  @Get('page')
  @Header('Content-Type', 'text/html')
  page(@Query('sandboxed') sandboxed?: string) {
    return formPage('/submit', { sandboxed: sandboxed !== undefined });
  }

  @Get('page-without-referrer')
  @Header('Content-Type', 'text/html')
  @Header('Referrer-Policy', 'no-referrer')
  pageWithoutReferrer() {
    return formPage('/submit');
  }

  @Get('bouncing-page')
  @Header('Content-Type', 'text/html')
  bouncingPage(@Query('action') action: string) {
    return formPage(action);
  }

  @Post('submit')
  submit() {
    PagesController.ran += 1;
    return { ran: true };
  }

  @Post('sign-in')
  async signIn(@CurrentHttpSession() http: HttpSession) {
    await http.signIn({ userId: 'mallory' });
  }
}

describe.each(ADAPTERS)('CSRF protection on %s, with what Chromium sends', (adapter) => {
  let app: TestApp;
  let stage: SitesStage;
  let page: Page;
  const submissions = new EventEmitter();

  beforeAll(async () => {
    app = await startTestApp({
      adapter,
      controllers: [PagesController],
      configure: (nest) =>
        void nest.use(({ method, headers }: IncomingMessage, response: ServerResponse, next: () => void) => {
          const { origin, 'sec-fetch-site': site } = headers;
          const tell = () => submissions.emit('submission', { origin, site, status: response.statusCode });
          if (method === 'POST') response.on('finish', tell);
          next();
        }),
    });
    stage = await SitesStage.open(app);
  });

  afterAll(async () => {
    await stage?.close();
    await app?.close();
  });

  beforeEach(async () => {
    PagesController.ran = 0;
    app.store.calls.length = 0;
    page = await stage.openPage();
  });
  afterEach(() => stage.closePage());

  const origins = () => stage.origins;

  const submissionOf = async (act: () => Promise<unknown>): Promise<Submission> => {
    const [[submission]] = await Promise.all([
      once(submissions, 'submission', { signal: AbortSignal.timeout(15_000) }) as Promise<[Submission]>,
      act(),
    ]);
    expect(PagesController.ran).toBe(submission.status === 201 ? 1 : 0);
    expect(app.store.calls).toEqual([]);
    return submission;
  };

  const open = async (origin: string, path: string, query: Record<string, string> = {}) => {
    await page.goto(`${origin}${path}?${new URLSearchParams(query).toString()}`);
  };

  const send = () => submissionOf(() => page.getByRole('button').click());

  describe('lets its own pages through:', () => {
    it('a form', async () => {
      const { app: own } = origins();
      await open(own, '/page');
      expect(await send()).toEqual({ origin: own, site: 'same-origin', status: 201 });
    });

    it('a form under Referrer-Policy: no-referrer, which has no origin to show', async () => {
      await open(origins().app, '/page-without-referrer');
      expect(await send()).toEqual({ origin: 'null', site: 'same-origin', status: 201 });
    });

    it('a form on plain http, where the browser says nothing of sites', async () => {
      const { plainApp } = origins();
      await open(plainApp, '/page');
      expect(await send()).toEqual({ origin: plainApp, site: undefined, status: 201 });
    });

    it('a form on http://localhost', async () => {
      const { localApp } = origins();
      await open(localApp, '/page');
      expect(await send()).toEqual({ origin: localApp, site: 'same-origin', status: 201 });
    });

    it('sendBeacon', async () => {
      const { app: own } = origins();
      await open(own, '/page');
      const sent = submissionOf(() => page.evaluate(() => navigator.sendBeacon('/submit', 'x')));
      expect(await sent).toEqual({ origin: own, site: 'same-origin', status: 201 });
    });
  });

  describe('refuses', () => {
    it('a form of another site', async () => {
      const { app: own, evil } = origins();
      await open(evil, '/', { action: `${own}/submit` });
      expect(await send()).toEqual({ origin: evil, site: 'cross-site', status: 403 });
      await page.getByText('csrf_rejected').waitFor();
    });

    it('a script of another site, whatever it can choose without a preflight', async () => {
      const { app: own, evil } = origins();
      await open(evil, '/');
      const attack = (url: string) =>
        fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}' });
      const sent = submissionOf(() => page.evaluate(attack, `${own}/submit`));
      expect(await sent).toEqual({ origin: evil, site: 'cross-site', status: 403 });
    });

    it('a form of a sibling subdomain', async () => {
      const { app: own, sibling } = origins();
      await open(sibling, '/', { action: `${own}/submit` });
      expect(await send()).toEqual({ origin: sibling, site: 'same-site', status: 403 });
    });

    it('a form in a sandboxed iframe, of its own page too', async () => {
      await open(origins().app, '/page', { sandboxed: 'yes' });
      const sent = submissionOf(() => page.frameLocator('iframe').getByRole('button').click());
      expect(await sent).toEqual({ origin: 'null', site: 'cross-site', status: 403 });
    });

    it('a form of its own that another site sent back by 307', async () => {
      const { app: own, evil } = origins();
      await open(own, '/bouncing-page', { action: `${evil}/?action=${encodeURIComponent(`${own}/submit`)}` });
      expect(await send()).toEqual({ origin: 'null', site: 'cross-site', status: 403 });
    });

    it('a form of the same host over plain http, which anybody on the way can write', async () => {
      const { app: own, plainApp } = origins();
      await open(plainApp, '/bouncing-page', { action: `${own}/submit` });
      expect(await send()).toEqual({ origin: plainApp, site: 'cross-site', status: 403 });
    });

    it('a form of another site on plain http, by its Origin', async () => {
      const { plainApp, plainEvil } = origins();
      await open(plainEvil, '/', { action: `${plainApp}/submit` });
      expect(await send()).toEqual({ origin: plainEvil, site: undefined, status: 403 });
    });

    it('a form of another port of localhost', async () => {
      const { localApp, localEvil } = origins();
      await open(localEvil, '/', { action: `${localApp}/submit` });
      expect(await send()).toEqual({ origin: localEvil, site: 'same-site', status: 403 });
    });

    it('a sign-in that another site makes: nobody is signed in', async () => {
      const { app: own, evil } = origins();
      await open(evil, '/', { action: `${own}/sign-in` });
      expect((await send()).status).toBe(403);
      await page.getByText('csrf_rejected').waitFor();
      expect(await page.context().cookies()).toEqual([]);
      expect(await app.sessions.listByUser('mallory')).toEqual([]);
    });
  });
});
