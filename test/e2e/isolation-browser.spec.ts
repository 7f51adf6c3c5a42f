import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AllowEmbedding, CurrentHttpSession, Public, SessionGuard, type HttpSession } from 'nest-sessions';
import type { Page } from 'playwright-core';
import { SitesStage } from './support/sites-stage.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';

/** What reached the application, as its own server saw it, and what became of it. */
interface Visit {
  readonly site: string | undefined;
  readonly dest: string | undefined;
  readonly hasCookie: boolean;
  readonly status: number;
}

@UseGuards(SessionGuard)
@Controller('files')
class FilesController {
  @Get()
  read() {
    return { secret: true };
  }

  @AllowEmbedding()
  @Get('avatar')
  avatar() {
    return { avatar: true };
  }

  @Public()
  @Post('sign-in')
  async signIn(@CurrentHttpSession() http: HttpSession) {
    await http.signIn({ userId: 'ada' });
  }

  @Public()
  @Get('page')
  page() {
    return 'a page of the application';
  }
}

describe.each(ADAPTERS)('resourceIsolation on %s, with what Chromium sends (ASVS 3.5.8)', (adapter) => {
  let app: TestApp;
  let stage: SitesStage;
  let page: Page;
  const visits = new EventEmitter();

  beforeAll(async () => {
    app = await startTestApp({
      adapter,
      options: { resourceIsolation: true },
      controllers: [FilesController],
      configure: (nest) =>
        void nest.use(({ url, headers }: IncomingMessage, response: ServerResponse, next: () => void) => {
          const { cookie, 'sec-fetch-site': site, 'sec-fetch-dest': dest } = headers;
          const told = { site, dest, hasCookie: cookie !== undefined };
          response.on('finish', () => visits.emit(url ?? '', { ...told, status: response.statusCode }));
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
    page = await stage.openPage();
  });
  afterEach(() => stage.closePage());

  const origins = () => stage.origins;

  /** Signs in at the application, then goes to a page of somebody else. */
  const lure = async (other: string) => {
    await page.goto(`${origins().app}/files/page`);
    expect(await page.evaluate(async () => (await fetch('/files/sign-in', { method: 'POST' })).status)).toBe(201);
    await page.goto(other);
  };

  const visitOf = async (path: string, act: () => Promise<unknown>): Promise<Visit> => {
    const signal = AbortSignal.timeout(15_000);
    const [[visit]] = await Promise.all([once(visits, path, { signal }) as Promise<[Visit]>, act()]);
    return visit;
  };

  const embed = (element: string, path: string) =>
    visitOf(path, () =>
      page.evaluate(([tag, src]) => document.body.append(Object.assign(document.createElement(tag), { src })), [
        element,
        `${origins().app}${path}`,
      ] as const),
    );

  const fetchOpaquely = (url: string) =>
    page.evaluate(
      (address) =>
        fetch(address, { mode: 'no-cors', credentials: 'include' }).then(
          ({ type }) => type,
          (error: Error) => error.name,
        ),
      url,
    );

  it.each([
    ['img', 'image'],
    ['script', 'script'],
    ['iframe', 'iframe'],
    ['embed', 'embed'],
  ] as const)(
    'refuses <%s> of a sibling subdomain, to whose pages SameSite=Lax is no obstacle',
    async (element, dest) => {
      await lure(origins().sibling);
      expect(await embed(element, '/files')).toEqual({ site: 'same-site', dest, hasCookie: true, status: 403 });
    },
  );

  it('refuses <img> of another site', async () => {
    await lure(origins().evil);
    expect(await embed('img', '/files')).toMatchObject({ site: 'cross-site', dest: 'image', status: 403 });
  });

  it.each(['sibling', 'evil'] as const)(
    'refuses a no-cors fetch, which gets not even an opaque answer: %s',
    async (who) => {
      await lure(origins()[who]);
      const { app: own } = origins();
      const visit = visitOf('/files', async () => expect(await fetchOpaquely(`${own}/files`)).toBe('TypeError'));
      expect(await visit).toMatchObject({ dest: 'empty', status: 403 });
    },
  );

  it('lets a sibling embed what is meant for it', async () => {
    await lure(origins().sibling);
    expect(await embed('img', '/files/avatar')).toEqual({
      site: 'same-site',
      dest: 'image',
      hasCookie: true,
      status: 200,
    });
    expect(await fetchOpaquely(`${origins().app}/files/avatar`)).toBe('opaque');
  });

  it('lets a link of another site in', async () => {
    await lure(origins().evil);
    const visit = await visitOf('/files', () =>
      page.evaluate((href) => Object.assign(document.createElement('a'), { href }).click(), `${origins().app}/files`),
    );
    expect(visit).toEqual({ site: 'cross-site', dest: 'document', hasCookie: true, status: 200 });
    await page.getByText('secret').waitFor();
  });

  it('keeps the answer from the page where the browser says nothing of sites, by the header it sends with it', async () => {
    const { plainApp, plainEvil } = origins();
    await page.goto(plainEvil);
    const visit = visitOf('/files', async () => expect(await fetchOpaquely(`${plainApp}/files`)).toBe('TypeError'));
    expect(await visit).toMatchObject({ site: undefined, status: 401 });
    expect(await fetchOpaquely(`${plainApp}/files/avatar`)).toBe('opaque');
  });
});
