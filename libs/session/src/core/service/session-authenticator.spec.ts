import { describe, expect, it } from '@jest/globals';
import { aNewSession } from '../../testing/index.js';
import { RecordingLogger } from '../../testing/world/recording-logger.js';
import { MemorySessionStore } from '../../stores/memory/index.js';
import { SessionAuthenticator } from './session-authenticator.js';
import type { EndedSession } from '../session/session-record.js';
import { SessionStoreUnavailableError } from '../session/session-errors.js';
import { SessionEvents } from '../events/session-events.js';
import { createSessionId } from '../session/session-id.js';
import type { FindOutcome, SessionRevocation } from '../ports/session-store.js';
import { SessionTokens } from '../token/session-token.js';

class WatchedStore extends MemorySessionStore {
  readonly calls: string[] = [];
  answer: FindOutcome | Error | undefined;
  endedByRevoke: EndedSession | undefined;

  override async find(id: string): Promise<FindOutcome> {
    this.calls.push(`find ${id}`);
    if (this.answer instanceof Error) throw this.answer;
    return this.answer ?? super.find(id);
  }

  override async revoke(revocation: SessionRevocation) {
    this.calls.push(`revoke ${revocation.id} ${revocation.reason}`);
    return this.endedByRevoke ?? super.revoke(revocation);
  }
}

function setUp(keys?: string[]) {
  const store = new WatchedStore({ maxSessions: 100, now: () => new Date() });
  const logger = new RecordingLogger();
  const tokens = new SessionTokens(keys);
  const events = new SessionEvents(logger);
  const ended: EndedSession[] = [];
  events.on('ended', (session) => void ended.push(session));
  const authenticator = new SessionAuthenticator({ store, tokens, events, logger });
  return { store, tokens, lines: logger.lines, ended, authenticator };
}

describe('SessionAuthenticator', () => {
  it('accepts the token of a live session with one read', async () => {
    const { store, tokens, authenticator } = setUp();
    const { token, hash } = tokens.mint(createSessionId('ada'));
    const id = (tokens.parse(token) as { sessionId: string }).sessionId;
    await store.create(aNewSession({ id, userId: 'ada', tokenHash: hash }));
    expect(await authenticator.check(token)).toMatchObject({ live: true, record: { id, userId: 'ada' } });
    expect(store.calls).toEqual([`find ${id}`]);
  });

  it.each([
    [undefined, 'missing'],
    ['', 'malformed'],
    ['undefined', 'malformed'],
    [' '.repeat(64), 'malformed'],
    [new SessionTokens().mint(createSessionId('ada')).token, 'forged'],
  ])('turns %j away as %s without asking the store (I10, expressjs/session#511)', async (token, reason) => {
    const { store, authenticator } = setUp(['a key of at least thirty-two bytes']);
    expect(await authenticator.check(token)).toEqual({ live: false, reason });
    expect(store.calls).toEqual([]);
  });

  it('distinguishes a wrong secret from an unknown session, and ends neither', async () => {
    const { store, tokens, authenticator } = setUp();
    const id = createSessionId('ada');
    const mine = tokens.mint(id);
    await store.create(aNewSession({ id, userId: 'ada', tokenHash: mine.hash }));
    expect(await authenticator.check(tokens.mint(id).token)).toEqual({ live: false, reason: 'wrong-secret' });
    const unknown = await authenticator.check(tokens.mint(createSessionId('ada')).token);
    expect(unknown).toEqual({ live: false, reason: 'unknown' });
    expect((await authenticator.check(mine.token)).live).toBe(true);
    expect(store.calls.filter((call) => call.startsWith('revoke'))).toEqual([]);
  });

  it('ends a session that cannot be decoded, and says so once without the token (spring-projects/spring-session#280)', async () => {
    const { store, tokens, lines, ended, authenticator } = setUp();
    const id = createSessionId('ada');
    store.endedByRevoke = { id, userId: 'ada', endedAt: new Date(), endReason: 'undecodable', endedBy: null };
    const { token } = tokens.mint(id);
    store.answer = { live: false, reason: 'undecodable' };
    expect(await authenticator.check(token)).toEqual({ live: false, reason: 'undecodable' });
    expect(store.calls).toEqual([`find ${id}`, `revoke ${id} undecodable`]);
    expect(lines).toEqual([`warn: session ${id} cannot be decoded and was ended: its owner has to sign in again`]);
    expect(ended).toEqual([store.endedByRevoke]);
  });

  it('does not say that it ended what the store did not end', async () => {
    const { store, tokens, lines, ended, authenticator } = setUp();
    store.answer = { live: false, reason: 'undecodable' };
    await authenticator.check(tokens.mint(createSessionId('ada')).token);
    expect(store.calls).toHaveLength(2);
    expect([lines, ended]).toEqual([[], []]);
  });

  it('ends a session whose token hash was spoilt, as any that cannot be decoded', async () => {
    const { store, tokens, authenticator } = setUp();
    const id = createSessionId('ada');
    const { token, hash } = tokens.mint(id);
    await store.create(aNewSession({ id, userId: 'ada', tokenHash: Buffer.concat([hash, Buffer.from([9, 9, 9])]) }));
    expect(await authenticator.check(token)).toEqual({ live: false, reason: 'undecodable' });
    expect(store.calls).toEqual([`find ${id}`, `revoke ${id} undecodable`]);
  });

  it('passes an outage on instead of saying that there is no session (I8)', async () => {
    const { store, tokens, authenticator } = setUp();
    store.answer = new SessionStoreUnavailableError('memory', 'no answer');
    const { token } = tokens.mint(createSessionId('ada'));
    await expect(authenticator.check(token)).rejects.toBe(store.answer);
  });
});
