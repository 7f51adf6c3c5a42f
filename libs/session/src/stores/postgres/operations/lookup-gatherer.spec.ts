import { describe, expect, it } from '@jest/globals';
import { LookupGatherer } from './lookup-gatherer.js';

function openGatherer(findMany?: (ids: readonly string[]) => Promise<readonly { id: string }[]>) {
  const sent: (readonly string[])[] = [];
  const lookups = new LookupGatherer({
    findOne: async (id) => {
      sent.push([id]);
      return id === 'unknown' ? undefined : { id };
    },
    findMany: (ids) => {
      sent.push(ids);
      return findMany ? findMany(ids) : Promise.resolve(ids.filter((id) => id !== 'unknown').map((id) => ({ id })));
    },
  });
  return { lookups, sent };
}

describe('LookupGatherer', () => {
  it('answers each lookup of a turn from one statement, the same id asked for twice included', async () => {
    const { lookups, sent } = openGatherer();
    const rows = await Promise.all(['b', 'a', 'unknown', 'b'].map((id) => lookups.find(id)));
    expect(rows).toEqual([{ id: 'b' }, { id: 'a' }, undefined, { id: 'b' }]);
    expect(sent).toEqual([['b', 'a', 'unknown']]);
  });

  it('gathers what callbacks of one turn ask for, not only what one of them asks for', async () => {
    const { lookups, sent } = openGatherer();
    const ask = (id: string) =>
      new Promise((resolve) => process.nextTick(() => Promise.resolve().then(() => resolve(lookups.find(id)))));
    await Promise.all(['a', 'b', 'c'].map(ask));
    expect(sent).toEqual([['a', 'b', 'c']]);
  });

  it('never answers from a statement that was sent before it was asked', async () => {
    const answers: (() => void)[] = [];
    const { lookups, sent } = openGatherer(
      (ids) => new Promise((resolve) => answers.push(() => resolve(ids.map((id) => ({ id }))))),
    );
    const first = Promise.all([lookups.find('a'), lookups.find('b')]);
    await new Promise((resolve) => setImmediate(resolve));
    const second = Promise.all([lookups.find('a'), lookups.find('b')]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toHaveLength(2);
    for (const answer of answers) answer();
    expect(await Promise.all([first, second])).toHaveLength(2);
  });

  it('splits a turn of more than a thousand', async () => {
    const { lookups, sent } = openGatherer();
    const ids = Array.from({ length: 2001 }, (_, index) => `id-${index}`);
    expect(await Promise.all(ids.map((id) => lookups.find(id)))).toEqual(ids.map((id) => ({ id })));
    expect(sent.map(({ length }) => length)).toEqual([1000, 1000, 1]);
  });

  it('fails the lookups of a failed statement only', async () => {
    const { lookups } = openGatherer(() => Promise.reject(new Error('down')));
    const outcomes = await Promise.allSettled([lookups.find('a'), lookups.find('b')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await lookups.find('a')).toEqual({ id: 'a' });
  });
});
