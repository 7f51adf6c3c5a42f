import { isUnavailable } from '../../../core/session/session-errors.js';
import type { SessionTouch } from '../../../core/ports/session-store.js';
import { TouchQueue, type TouchQueueSettings } from '../operations/touch-queue.js';
import type { UnwrittenTouches } from './unwritten-touches.js';

/**
 * Gathers touches whose answer decides whether a hot copy is still trusted. A touch that could not be written rejects, as
 * everywhere. It is also remembered, so that a later touch does not count as the first one after the expiry.
 */
export class DurableTouchQueue extends TouchQueue {
  constructor(
    settings: TouchQueueSettings,
    private readonly unwritten: UnwrittenTouches,
  ) {
    super({
      ...settings,
      write: async (touches) => {
        const nowMs = performance.now();
        const live = await settings.write(
          touches.map((touch) => ({
            ...touch,
            firstAgeMs: nowMs - unwritten.firstSeenAtMs(touch.id, nowMs - touch.firstAgeMs),
          })),
        );
        for (const { id, ageMs } of touches) unwritten.forget(id, nowMs - ageMs);
        return live;
      },
    });
  }

  override async add(touch: SessionTouch, urgency: { isUrgent: boolean }): Promise<boolean> {
    const seenAtMs = performance.now();
    try {
      return await super.add(touch, urgency);
    } catch (error) {
      if (isUnavailable(error)) this.unwritten.keep(touch, seenAtMs);
      throw error;
    }
  }
}
