import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { findChromium } from 'local-servers/testing';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function launchBrowser(...more: readonly string[]): Promise<Browser> {
  return chromium.launch({ executablePath: await findChromium(), args: [...ARGUMENTS, ...more] });
}

/** Somebody with a browser of their own: nothing is shared between contexts. */
export class Person {
  /** What the browser complained about: a blocked script, a refused style, a missing file. */
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
  ) {
    page.on('console', (message) => this.complaints.push(message.text()));
    page.on('pageerror', (error) => this.complaints.push(error.message));
  }

  static async arrive(browser: Browser, options: Parameters<Browser['newContext']>[0]): Promise<Person> {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(15_000);
    return new Person(await context.newPage(), context);
  }

  async signIn({ email, password }: { email: string; password: string }): Promise<void> {
    const { page } = this;
    await page.goto('/sign-in');
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: /^Hello|^One more step/ }).waitFor();
  }

  async click(role: 'button' | 'link', name: string): Promise<void> {
    await this.page.getByRole(role, { name, exact: true }).click();
  }

  async heading(): Promise<string | null> {
    return this.page.getByRole('heading', { level: 1 }).textContent();
  }

  async notice(): Promise<string | null> {
    return this.page.getByRole('status').textContent();
  }

  /** How far the page is wider than the window, in CSS pixels. Needs JavaScript in the context. */
  overflow(): Promise<number> {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }
}
