import { describe, expect, it } from '@jest/globals';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { inspect } from 'node:util';
import { CallMemo } from './call-memo.js';

describe('CallMemo', () => {
  it('remembers one value for each key, the latest, apart from other memos', () => {
    const [memo, other] = [new CallMemo<string>(), new CallMemo<string>()];
    const [a, b] = [{}, {}];
    memo.set(a, 'first');
    memo.set(a, 'second');
    other.set(a, 'other');
    expect([memo.get(a), memo.get(b), other.get(a), other.get(b)]).toEqual(['second', undefined, 'other', undefined]);
  });

  it('does not take a copy or an heir of a key for the key', () => {
    const memo = new CallMemo<string>();
    const key = { path: '/' };
    memo.set(key, 'mine');
    const heir = Object.create(key) as object;
    for (const another of [{ ...key }, Object.assign({}, key), heir]) {
      expect(memo.get(another)).toBeUndefined();
      memo.set(another, 'theirs');
      expect([memo.get(another), memo.get(key)]).toEqual(['theirs', 'mine']);
    }
  });

  it.each([
    ['frozen', Object.freeze({})],
    ['sealed', Object.seal({})],
    ['not extensible', Object.preventExtensions({})],
  ])('remembers for a key that is %s', (_, key) => {
    const memo = new CallMemo<string>();
    expect(memo.get(key)).toBeUndefined();
    memo.set(key, 'value');
    expect(memo.get(key)).toBe('value');
    expect(memo.get(Object.freeze({}))).toBeUndefined();
  });

  it('remembers for the heir of a key that was frozen since', () => {
    const memo = new CallMemo<string>();
    const key = {};
    memo.set(key, 'mine');
    const heir = Object.create(Object.freeze(key)) as object;
    memo.set(heir, 'theirs');
    expect([memo.get(heir), memo.get(key)]).toEqual(['theirs', 'mine']);
  });

  it.each([
    ['frozen', (key: object) => Object.freeze(key)],
    ['sealed', (key: object) => Object.seal(key)],
    ['closed', (key: object) => Object.preventExtensions(key)],
  ])('remembers the latest for a key that was %s since', (_, close) => {
    const memo = new CallMemo<string>();
    const key = {};
    memo.set(key, 'first');
    close(key);
    expect(memo.get(key)).toBe('first');
    memo.set(key, 'second');
    expect(memo.get(key)).toBe('second');
  });

  it('changes nothing that the application sees of a key, such as the payload of a message', () => {
    const payload = { orderId: 7 };
    new CallMemo<string>().set(payload, 'value');
    expect(payload).toStrictEqual({ orderId: 7 });
    expect(Reflect.ownKeys({ ...payload })).toEqual(['orderId']);
    expect(inspect(payload)).toBe('{ orderId: 7 }');
  });

  it('shows nothing in logs and JSON', () => {
    const memo = new CallMemo<{ secret: string }>();
    const key = { path: '/' };
    memo.set(key, { secret: 'hidden' });
    expect(inspect(key, { depth: 9, showHidden: true })).not.toContain('hidden');
    expect(JSON.stringify(key)).toBe('{"path":"/"}');
    expect(Object.keys(key)).toEqual(['path']);
  });

  it('remembers for a request of Node, and not for one that inherits from it or copied it', () => {
    const memo = new CallMemo<string>();
    const request = new IncomingMessage(new Socket());
    memo.set(request, 'first');
    memo.set(request, 'mine');
    expect(memo.get(request)).toBe('mine');
    expect(memo.get(Object.create(request) as object)).toBeUndefined();
    expect(memo.get(Object.assign({}, request))).toBeUndefined();
    expect(inspect(request, { depth: 9, showHidden: true })).not.toContain('mine');
    memo.set(Object.freeze(request), 'later');
    expect(memo.get(request)).toBe('later');
  });
});
