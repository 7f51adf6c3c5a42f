import { describe, expect, it } from '@jest/globals';
import { Gate } from '../../testing/world/gate.js';
import { Lifecycle } from './lifecycle.js';

function createLifecycle({ open = () => Promise.resolve('resource') }: { open?: () => Promise<string> } = {}) {
  const closed: (string | undefined)[] = [];
  let opened = 0;
  const lifecycle = new Lifecycle<string>({
    open: () => {
      opened += 1;
      return open();
    },
    close: async (resource) => void closed.push(resource),
    unavailable: (problem) => new Error(problem),
  });
  return { lifecycle, closed, opened: () => opened };
}

describe('Lifecycle', () => {
  it('opens once for calls at the same time and for later ones', async () => {
    const { lifecycle, opened } = createLifecycle();
    expect(() => lifecycle.use()).toThrow('it was not started');
    await Promise.all([lifecycle.start(), lifecycle.start()]);
    await lifecycle.start();
    expect([opened(), lifecycle.use(), lifecycle.isOpen]).toEqual([1, 'resource', true]);
  });

  it('opens again after an attempt that failed', async () => {
    let attempt = 0;
    const open = () => (++attempt === 1 ? Promise.reject(new Error('refused')) : Promise.resolve('second'));
    const { lifecycle } = createLifecycle({ open });
    await expect(Promise.all([lifecycle.start(), lifecycle.start()])).rejects.toThrow('refused');
    expect(() => lifecycle.use('nothing yet')).toThrow('nothing yet');
    await lifecycle.start();
    expect(lifecycle.use()).toBe('second');
  });

  it('closes what is still opening, and rejects the start that waited for it', async () => {
    const gate = new Gate();
    const { lifecycle, closed } = createLifecycle({ open: () => gate.opened.then(() => 'late') });
    const starting = lifecycle.start();
    const stopping = lifecycle.stop();
    expect(lifecycle.stopped.aborted).toBe(true);
    expect(closed).toEqual([]);
    gate.open();
    await expect(starting).rejects.toThrow('it was stopped');
    await stopping;
    expect(closed).toEqual(['late']);
  });

  it('stops once, with nothing opened or after a failed attempt, and never starts again', async () => {
    const { lifecycle, closed, opened } = createLifecycle({ open: () => Promise.reject(new Error('refused')) });
    const starting = lifecycle.start();
    await Promise.all([lifecycle.stop(), lifecycle.stop(), expect(starting).rejects.toThrow('refused')]);
    expect(closed).toEqual([undefined]);
    await expect(lifecycle.start()).rejects.toThrow('it was stopped');
    expect(() => lifecycle.use()).toThrow('it was stopped');
    expect(opened()).toBe(1);
  });
});
