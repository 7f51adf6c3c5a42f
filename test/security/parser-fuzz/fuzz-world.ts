import { memoryStore } from 'nest-sessions';
import { aNewSession } from 'nest-sessions/testing';
import { BearerTokenFormat } from '#src/core/token/bearer-token.js';
import { SessionAuthenticator } from '#src/core/service/session-authenticator.js';
import { SessionEvents } from '#src/core/events/session-events.js';
import { createSessionId } from '#src/core/session/session-id.js';
import type { FindOutcome } from '#src/core/ports/session-store.js';
import { SessionTokens } from '#src/core/token/session-token.js';
import { HttpExchange } from '#src/nest/request/http-exchange.js';
import { SessionCookies } from '#src/nest/transport/session-cookies.js';
import type { CarriedTokens } from '#src/nest/transport/session-transport.interface.js';
import { SessionTransports } from '#src/nest/transport/session-transports.js';
import { resolveSessionSettings } from '#src/nest/options/session-settings.js';
import { MemorySessionStore } from '#src/stores/memory/index.js';
import type { FuzzInput, FuzzSeeds } from './inputs.js';

export const PREFIX = 'nss_';
const KEY = 'a key of at least thirty-two bytes';

/** A real store that notes which sessions it is asked for. */
class SpyingStore extends MemorySessionStore {
  readonly asked: string[] = [];

  override find(id: string): Promise<FindOutcome> {
    this.asked.push(id);
    return super.find(id);
  }
}

/** The parsers as a request meets them, in front of a store with two sessions, one of which is signed in. */
export class FuzzWorld {
  readonly store = new SpyingStore({ maxSessions: 100, now: () => new Date() });
  readonly keyed = new SessionTokens([KEY]);
  readonly plain = new SessionTokens();
  private readonly transports: SessionTransports;
  private readonly authenticators: Readonly<Record<'keyed' | 'plain', SessionAuthenticator>>;

  private constructor(readonly seeds: FuzzSeeds) {
    const settings = resolveSessionSettings({ store: memoryStore(), bearer: { prefix: PREFIX } });
    const logger = { log() {}, warn() {}, error() {}, debug() {} };
    this.transports = new SessionTransports(new SessionCookies(settings), settings);
    const parts = { store: this.store, events: new SessionEvents(logger), logger };
    this.authenticators = {
      keyed: new SessionAuthenticator({ ...parts, tokens: this.keyed }),
      plain: new SessionAuthenticator({ ...parts, tokens: this.plain }),
    };
  }

  static async open(): Promise<FuzzWorld> {
    const minting = [new SessionTokens(), new SessionTokens([KEY])];
    const minted = minting.flatMap((tokens) =>
      Array.from({ length: 4 }, () => {
        const id = createSessionId('ada');
        return { id, ...tokens.mint(id) };
      }),
    );
    const tokens = minted.map(({ token }) => token);
    const format = new BearerTokenFormat(PREFIX);
    const world = new FuzzWorld({
      cookieName: '__Host-session',
      tokens,
      bearers: tokens.map((token) => format.format(token)),
    });
    for (const { id, hash } of minted) {
      await world.store.create(aNewSession({ id, userId: 'ada', tokenHash: hash }));
    }
    return world;
  }

  /** As `RequestSession` reads its request. */
  read({ cookies, authorization }: Pick<FuzzInput, 'cookies' | 'authorization'>): CarriedTokens {
    const headers = { cookie: cookies, authorization: authorization[0] };
    const request = { headers, rawHeaders: authorization.flatMap((value) => ['Authorization', value]) };
    return this.transports.read(new HttpExchange({ request, response: undefined, key: request, isUpgraded: false }));
  }

  /** The sessions that the store was asked for. */
  async check(kind: 'keyed' | 'plain', token: string | undefined): Promise<readonly string[]> {
    this.store.asked.length = 0;
    await this.authenticators[kind].check(token);
    return [...this.store.asked];
  }
}
