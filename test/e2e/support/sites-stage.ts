import type { Browser, BrowserContext, Page } from 'playwright-core';
import { createSelfSigned } from '../../support/self-signed.js';
import { launchBrowser } from '../demo/browser.js';
import { startForeignSite, startTlsProxy, type Site } from './sites.js';
import type { TestApp } from './test-app.js';

const PAGE_TIMEOUT_MS = 15_000;

/** An application with and without TLS, sites of others beside it, and a Chromium that finds them all by name. */
export class SitesStage {
  private context: BrowserContext | undefined;

  private constructor(
    private readonly browser: Browser,
    private readonly ports: { readonly app: number; readonly foreign: number },
    private readonly secure: { readonly app: Site; readonly foreign: Site },
    private readonly foreign: Site,
  ) {}

  static async open(app: TestApp): Promise<SitesStage> {
    const identity = createSelfSigned('app.site.test');
    const appPort = Number(new URL(await app.nest.getUrl()).port);
    const foreign = await startForeignSite();
    const secure = {
      app: await startTlsProxy(appPort, identity),
      foreign: await startTlsProxy(foreign.port, identity),
    };
    const browser = await launchBrowser('--host-resolver-rules=MAP *.test 127.0.0.1');
    return new SitesStage(browser, { app: appPort, foreign: foreign.port }, secure, foreign);
  }

  /** The origins of this run, whose ports were free. */
  get origins() {
    const { ports, secure } = this;
    return {
      app: `https://app.site.test:${secure.app.port}`,
      plainApp: `http://app.site.test:${ports.app}`,
      localApp: `http://localhost:${ports.app}`,
      sibling: `https://blog.site.test:${secure.foreign.port}`,
      evil: `https://evil.test:${secure.foreign.port}`,
      plainEvil: `http://evil.test:${ports.foreign}`,
      localEvil: `http://localhost:${ports.foreign}`,
    };
  }

  /** A page of a visitor without any cookie. */
  async openPage(): Promise<Page> {
    this.context = await this.browser.newContext({ ignoreHTTPSErrors: true });
    this.context.setDefaultTimeout(PAGE_TIMEOUT_MS);
    return this.context.newPage();
  }

  async closePage(): Promise<void> {
    await this.context?.close();
  }

  /** Leaves the application running. */
  async close(): Promise<void> {
    await this.browser.close();
    await Promise.all([this.secure.app, this.secure.foreign, this.foreign].map((site) => site.close()));
  }
}
