import { describe, expect, it } from '@jest/globals';
import { PasswordQueue } from './password-queue.js';

describe('the queue of passwords to be hashed', () => {
  const openTask = () => {
    let finish: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    return { finish, task: () => done };
  };

  it('runs so many at once, the others in the order in which they came', async () => {
    const queue = new PasswordQueue({ maxAtOnce: 2, maxWaiting: 10 });
    const [first, second] = [openTask(), openTask()];
    const order: string[] = [];
    const name = (text: string) => async () => {
      order.push(text);
    };
    const busy = [queue.run(first.task), queue.run(second.task)];
    const later = [queue.run(name('third')), queue.run(name('fourth'))];
    expect(order).toEqual([]);
    second.finish();
    await Promise.all(later);
    expect(order).toEqual(['third', 'fourth']);
    first.finish();
    await Promise.all(busy);
  });

  it('refuses what would have to wait behind too many, and has room again afterwards', async () => {
    const queue = new PasswordQueue({ maxAtOnce: 1, maxWaiting: 1 });
    const busy = openTask();
    const running = [queue.run(busy.task), queue.run(async () => 'waited')];
    await expect(queue.run(async () => 'refused')).rejects.toThrow('Too many passwords are being checked.');
    busy.finish();
    await Promise.all(running);
    expect(await queue.run(async () => 'let in')).toBe('let in');
  });

  it('goes on after a task that failed', async () => {
    const queue = new PasswordQueue({ maxAtOnce: 1, maxWaiting: 1 });
    await expect(queue.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await queue.run(async () => 'next')).toBe('next');
  });
});
