import { describe, expect, it } from '@jest/globals';
import { RecordingLogger } from '../../testing/world/recording-logger.js';
import type { EndedSession } from '../session/session-record.js';
import { SessionEvents } from './session-events.js';

const ENDED: EndedSession = {
  id: '0190b6d0-0000-8000-8000-00000000000a',
  userId: 'ada',
  endedAt: new Date(0),
  endReason: 'logout',
  endedBy: null,
};

function setUp() {
  const logger = new RecordingLogger();
  return { events: new SessionEvents(logger), lines: logger.lines };
}

describe('SessionEvents', () => {
  it('calls every listener of that event and no other', () => {
    const { events } = setUp();
    const heard: string[] = [];
    events.on('ended', ({ id }) => void heard.push(`first ${id}`));
    events.on('ended', ({ id }) => void heard.push(`second ${id}`));
    events.on('created', () => void heard.push('created'));
    events.emit('ended', ENDED);
    expect(heard).toEqual([`first ${ENDED.id}`, `second ${ENDED.id}`]);
  });

  it('logs a listener that throws or rejects, and still calls the others', async () => {
    const { events, lines } = setUp();
    const heard: string[] = [];
    events.on('ended', () => {
      throw new Error('broken at once');
    });
    events.on('ended', () => Promise.reject(new Error('broken later')));
    events.on('ended', ({ id }) => void heard.push(id));
    expect(() => events.emit('ended', ENDED)).not.toThrow();
    await new Promise(setImmediate);
    expect(heard).toEqual([ENDED.id]);
    expect(lines).toEqual([
      'error: a listener of the session event "ended" failed: Error: broken at once',
      'error: a listener of the session event "ended" failed: Error: broken later',
    ]);
  });

  it('takes a listener away again, and only that one', () => {
    const { events } = setUp();
    const heard: string[] = [];
    const listener = ({ id }: EndedSession) => void heard.push(id);
    const off = events.on('ended', listener);
    events.on('ended', listener);
    off();
    off();
    events.emit('ended', ENDED);
    expect(heard).toEqual([ENDED.id]);
  });
});
