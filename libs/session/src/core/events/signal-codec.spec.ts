import { describe, expect, it } from '@jest/globals';
import { RecordingLogger } from '../../testing/world/recording-logger.js';
import { EndNotifier } from './end-notifier.js';
import { createSessionId } from '../session/session-id.js';
import type { EndedSession } from '../session/session-record.js';
import { decodeSignal, encodeSignals, SignalListeners } from './signal-codec.js';
import type { SessionSignals } from '../ports/session-signals.js';

let millisecond = 1_750_000_000_000;

const anEnd = (userId: string | null = 'ada'): EndedSession => ({
  id: createSessionId(userId, millisecond++),
  userId,
  endedAt: new Date(1_750_000_000_123),
  endReason: 'revoked',
  endedBy: null,
});

class FakeSignals implements SessionSignals {
  readonly listeners = new SignalListeners(new RecordingLogger());
  readonly published: (readonly EndedSession[])[] = [];
  subscriptions = 0;

  async publish(ended: readonly EndedSession[]): Promise<void> {
    this.published.push(ended);
    this.listeners.ended(ended);
  }

  subscribe(...input: Parameters<SessionSignals['subscribe']>): () => void {
    this.subscriptions += 1;
    return this.listeners.add(...input);
  }
}

describe('signals as text', () => {
  it('are divided so that not one exceeds the limit in bytes, and nothing is lost', () => {
    const ended = Array.from({ length: 200 }, (_, i) => anEnd(i % 2 ? 'ü'.repeat(255) : null));
    const texts = encodeSignals(ended, 4096);
    expect(texts.length).toBeGreaterThan(10);
    expect(texts.filter((text) => Buffer.byteLength(text) > 4096)).toEqual([]);
    expect(texts.flatMap(decodeSignal)).toEqual(ended);
    expect(encodeSignals([], 4096)).toEqual(['["nest-sessions/1",[]]']);
  });

  it('hold what they are made of and nothing else that a caller may have put there', () => {
    const withSecret = { ...anEnd(), tokenHash: 'c2VjcmV0', token: 'a token' } as EndedSession;
    expect(encodeSignals([withSecret], 4096).join('')).not.toMatch(/c2VjcmV0|a token/);
  });

  it.each(['', '{}', 'null', '[]', '["nest-sessions/1"]', '["nest-sessions/1",[null,1,[]]]', '["other/1",[]]'])(
    'that are not ours tell nothing: %j',
    (text) => {
      expect(decodeSignal(text)).toEqual([]);
    },
  );
});

describe('EndNotifier', () => {
  const setUp = (signals?: SessionSignals) => {
    const logger = new RecordingLogger();
    const notifier = new EndNotifier(logger, signals);
    const heard: string[] = [];
    const listen = () =>
      notifier.listen({
        ended: (sessions) => heard.push(...sessions.map(({ id }) => id)),
        resumed: () => heard.push('resumed'),
      });
    return { notifier, heard, listen, lines: logger.lines };
  };

  it('listens to other instances for the first listener only, and not before', () => {
    const signals = new FakeSignals();
    const { heard, listen } = setUp(signals);
    expect(signals.subscriptions).toBe(0);
    listen();
    listen();
    expect(signals.subscriptions).toBe(1);
    signals.listeners.resumed();
    expect(heard).toEqual(['resumed', 'resumed']);
  });

  it('sends the ends of one turn together, and reports each once though the sender receives its own', async () => {
    const signals = new FakeSignals();
    const { notifier, heard, listen } = setUp(signals);
    listen();
    const ended = [anEnd(), anEnd(), anEnd()];
    for (const one of ended) notifier.notify(one);
    await notifier.settle();
    signals.listeners.ended(ended);
    expect(signals.published).toEqual([ended]);
    expect(heard).toEqual(ended.map(({ id }) => id));
    expect(ended.every(({ id }) => notifier.knowsOf(id))).toBe(true);
    expect(notifier.knowsOf(anEnd().id)).toBe(false);
  });

  it('works without signals, on this instance', async () => {
    const { notifier, heard, listen } = setUp();
    const stop = listen();
    const [first, second] = [anEnd(), anEnd()];
    notifier.notify(first);
    stop();
    notifier.notify(second);
    await notifier.settle();
    expect(heard).toEqual([first.id]);
  });

  it('forgets the oldest of very many', () => {
    const { notifier } = setUp();
    const first = anEnd();
    notifier.notify(first);
    for (let i = 0; i < 20_000; i++) notifier.notify(anEnd());
    expect(notifier.knowsOf(first.id)).toBe(false);
  });

  it('goes on when a listener throws', () => {
    const { notifier, heard, listen, lines } = setUp();
    notifier.listen({
      ended: () => {
        throw new Error('broken');
      },
      resumed: () => undefined,
    });
    listen();
    const ended = anEnd();
    notifier.notify(ended);
    expect(heard).toEqual([ended.id]);
    expect(lines).toEqual(['error: a listener of session signals failed: Error: broken']);
  });
});
