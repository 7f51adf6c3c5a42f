import { describe, expect, it } from '@jest/globals';
import { Gate } from '../../testing/world/gate.js';
import { KeyedQueue } from './keyed-queue.js';

describe('KeyedQueue', () => {
  it('runs tasks of one key one after the other, in order', async () => {
    const queue = new KeyedQueue();
    const log: string[] = [];
    const gates = [new Gate(), new Gate(), new Gate()];
    const tasks = gates.map((gate, index) =>
      queue.run('a', async () => {
        log.push(`start ${index}`);
        await gate.opened;
        log.push(`end ${index}`);
        return index;
      }),
    );
    // The last gate first: the order is the queue's, not the gates'.
    for (const gate of gates.toReversed()) gate.open();
    expect(await Promise.all(tasks)).toEqual([0, 1, 2]);
    expect(log).toEqual(['start 0', 'end 0', 'start 1', 'end 1', 'start 2', 'end 2']);
  });

  it('lets no key wait for another', async () => {
    const queue = new KeyedQueue();
    const gate = new Gate();
    const blocked = queue.run('a', () => gate.opened);
    expect(await queue.run('b', () => Promise.resolve('done'))).toBe('done');
    gate.open();
    await blocked;
  });

  it('goes on after a task that failed, and fails only that one', async () => {
    const queue = new KeyedQueue();
    const failed = queue.run('a', () => Promise.reject(new Error('broken')));
    const next = queue.run('a', () => Promise.resolve('fine'));
    await expect(failed).rejects.toThrow('broken');
    expect(await next).toBe('fine');
  });

  it('forgets every key that is idle, also after failures', async () => {
    const queue = new KeyedQueue();
    await Promise.allSettled(
      Array.from({ length: 1000 }, (_, index) =>
        queue.run(`key-${index % 100}`, () => (index % 3 ? Promise.resolve() : Promise.reject(new Error('broken')))),
      ),
    );
    await new Promise(setImmediate);
    expect(Reflect.get(queue, 'tails')).toHaveProperty('size', 0);
  });
});
