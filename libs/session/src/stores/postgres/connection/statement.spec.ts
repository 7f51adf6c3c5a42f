import { describe, expect, it } from '@jest/globals';
import { defineStatement } from './statement.js';

describe('defineStatement', () => {
  const find = defineStatement(
    'find',
    { id: 'uuid', userId: 'text' },
    (p) => `select ${p.userId} where id = ${p.id} or owner = ${p.userId}`,
  );

  it('numbers and casts placeholders in the order of the list', () => {
    expect(find.text).toBe('select $2::text where id = $1::uuid or owner = $2::text');
  });

  it('binds values by name, whatever their order', () => {
    const query = find.bind({ userId: 'anna', id: '1' });
    expect(query).toEqual({ name: find.name, text: find.text, values: ['1', 'anna'] });
  });

  it('names a statement by a digest of its text', () => {
    const named = (text: string) => defineStatement('find', {}, () => text).name;
    expect(find.name).toMatch(/^nest-sessions-find-[0-9a-f]{12}$/);
    expect(named('select 1')).toBe(named('select 1'));
    expect(named('select 1')).not.toBe(named('select 2'));
  });

  it('rejects a parameter that the text does not use', () => {
    expect(() => defineStatement('one', { id: 'uuid', rest: 'text' }, (p) => `select ${p.id}`)).toThrow(
      'does not use rest',
    );
  });

  it('rejects a placeholder that is not listed', () => {
    // @ts-expect-error Not listed, so the text does not compile.
    expect(() => defineStatement('one', { id: 'uuid' }, (p) => `select ${p.id}, ${p.other}`)).toThrow(TypeError);
  });

  it('accepts one value for each parameter and no other', () => {
    expect(find.bind({ id: '1', userId: null }).values).toEqual(['1', null]);
    // @ts-expect-error A value is missing.
    find.bind({ id: '1' });
    // @ts-expect-error A value has no parameter.
    find.bind({ id: '1', userId: 'anna', other: 1 });
    // @ts-expect-error A value is of another type.
    find.bind({ id: 1, userId: 'anna' });
  });
});
