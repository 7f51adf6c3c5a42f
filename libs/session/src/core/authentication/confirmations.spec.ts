import { describe, expect, it } from '@jest/globals';
import { addConfirmation, assertAction, takeConfirmation } from './confirmations.js';

const NOW = new Date(1_000_000);
const later = (ms: number) => new Date(NOW.getTime() + ms);
const transfer = { action: 'transfer', now: NOW, validForMs: 60_000 };

describe('confirmations (ASVS 7.5.3)', () => {
  it('are good for once, and leave no trace', () => {
    const granted = addConfirmation({ cart: 1 }, transfer);
    const first = takeConfirmation(granted, { action: 'transfer', now: later(59_999) });
    expect(first).toEqual({ taken: true, data: { cart: 1 } });
    expect(takeConfirmation(first.data, { action: 'transfer', now: later(59_999) }).taken).toBe(false);
  });

  it('are over when their time is, to the ms, and for no other action', () => {
    const granted = addConfirmation({}, transfer);
    expect(takeConfirmation(granted, { action: 'transfer', now: later(60_000) })).toEqual({ taken: false, data: {} });
    expect(takeConfirmation(granted, { action: 'transfers', now: NOW })).toEqual({ taken: false, data: granted });
    expect(takeConfirmation(granted, { action: 'constructor', now: NOW }).taken).toBe(false);
  });

  it('do not pile up', () => {
    let data = {};
    for (let index = 0; index < 40; index++) data = addConfirmation(data, { ...transfer, action: `action-${index}` });
    expect(Object.keys(Object.values<object>(data)[0] ?? {})).toHaveLength(16);
    expect(takeConfirmation(data, { action: 'action-39', now: NOW }).taken).toBe(true);
  });

  it.each([
    {},
    { $confirmations: null },
    { $confirmations: 'transfer' },
    { $confirmations: { transfer: 'for ever' } },
    { $confirmations: ['transfer'] },
  ])('are not made of %j', (data) => {
    expect(takeConfirmation(data as never, { action: 'transfer', now: NOW }).taken).toBe(false);
  });

  it.each(['', 'a b', 'x'.repeat(65), undefined, 7, '__proto__ '])('refuse %j as an action', (action) => {
    expect(() => assertAction(action)).toThrow('a confirmed action must be');
  });
});
