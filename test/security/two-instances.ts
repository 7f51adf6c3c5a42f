import { createHash } from 'node:crypto';
import type { Session, SessionStoreDefinition } from 'nest-sessions';
import { openHybrid, openMemory, openPostgres, openRedis, type E2eStore } from '../e2e/support/e2e-stores.js';
import { startTestApp, type AdapterName, type TestApp, type TestAppSettings } from '../e2e/support/test-app.js';
import type { TestBrowser } from '../e2e/support/test-client.js';
import { shareMemory } from '../support/shared-backends.js';

export const EVERY_STORE: readonly (readonly [string, () => Promise<E2eStore>])[] = [
  ['memory', openMemory],
  ['redis', openRedis],
  ['postgres', openPostgres],
  ['hybrid', openHybrid],
];

export interface SignedIn {
  readonly browser: TestBrowser;
  readonly session: Pick<Session, 'id' | 'userId'> & { readonly absoluteExpiresAt: string };
}

/** One application on two servers with one backend: Express here, Fastify there. */
export class TwoInstances {
  private constructor(
    readonly backend: E2eStore,
    /** The store for one more instance. */
    readonly defineStore: () => SessionStoreDefinition,
    readonly here: TestApp,
    readonly there: TestApp,
  ) {}

  static async start(
    open: () => Promise<E2eStore>,
    settings: Pick<TestAppSettings, 'controllers' | 'options'> = {},
  ): Promise<TwoInstances> {
    const backend = await open();
    const defineStore = sharedBy(backend.definition);
    const startOn = (adapter: AdapterName) =>
      startTestApp({ ...settings, adapter, options: { ...settings.options, store: defineStore() } });
    return new TwoInstances(backend, defineStore, await startOn('express'), await startOn('fastify'));
  }

  /** In another browser each time. */
  async signIn(userId: string): Promise<SignedIn> {
    const browser = this.here.openBrowser();
    const answer = await browser.post('/sign-in', { userId, amr: ['pwd'] });
    if (answer.status !== 201) throw new Error(`the sign-in answered ${answer.status}: ${answer.text}`);
    return { browser, session: answer.json() as SignedIn['session'] };
  }

  /** What both instances answer to whoever holds this token. */
  statusesOf(token: string, path = '/me'): Promise<number[]> {
    return Promise.all([this.here, this.there].map(async (app) => (await carry(app, { token, path })).status));
  }

  async close(): Promise<void> {
    await this.there.close();
    await this.here.close();
    await this.backend.close();
  }
}

/** A request with this token as its session cookie. */
export function carry(
  app: TestApp,
  { token, method = 'GET', path, body }: { token: string; method?: string; path: string; body?: unknown },
) {
  return app.client.send({ method, path, body, cookies: [`__Host-session=${token}`] });
}

/** A token of somebody's session by somebody who has seen its id and made the rest up. */
export function forgeToken(sessionId: string, secret: Uint8Array): string {
  return Buffer.concat([Buffer.from(sessionId.replaceAll('-', ''), 'hex'), secret]).toString('base64url');
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

function sharedBy(definition: SessionStoreDefinition): () => SessionStoreDefinition {
  if (definition.name !== 'memory') return () => definition;
  const memory = shareMemory(definition);
  return () => memory.define();
}
