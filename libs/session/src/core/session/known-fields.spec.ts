import { describe, expect, it } from '@jest/globals';
import { assertKnownFields, findNearestName } from './known-fields.js';
import { SessionArgumentError } from './session-errors.js';

const FIELDS = ['userId', 'amr', 'data', 'assuranceLevel'];
const check = (input: unknown) => () => assertKnownFields(input, FIELDS, 'signIn');

describe('assertKnownFields', () => {
  it.each([[{}], [{ userId: 'ada' }], [{ data: undefined, amr: [] }], [Object.create({ role: 'admin' })]])(
    'accepts %j',
    (input: unknown) => {
      expect(check(input)).not.toThrow();
    },
  );

  it('names an unknown field, the one it was meant to be, and all known ones', () => {
    expect(check({ userId: 'ada', asuranceLevel: 'aal2' })).toThrow(
      new SessionArgumentError(
        'signIn has no field asuranceLevel. Did you mean assuranceLevel? Its fields are: userId, amr, data, assuranceLevel',
      ),
    );
  });

  it('suggests nothing when not one is close', () => {
    expect(check({ role: 'admin' })).toThrow(
      new SessionArgumentError('signIn has no field role. Its fields are: userId, amr, data, assuranceLevel'),
    );
  });

  it('refuses a field whose value is undefined, which is misspelt all the same', () => {
    expect(check({ userid: undefined })).toThrow('Did you mean userId?');
  });

  it('shows only the beginning of a very long name', () => {
    expect(check({ ['x'.repeat(100_000)]: 1 })).toThrow(
      new SessionArgumentError(
        `signIn has no field ${'x'.repeat(64)}. Its fields are: userId, amr, data, assuranceLevel`,
      ),
    );
  });

  it('shows no value of a field', () => {
    expect(check({ password: 'correct horse' })).not.toThrow('correct horse');
  });

  it.each([[undefined], [null], ['ada'], [['ada']], [7]])('refuses %j, which is no object', (input) => {
    expect(check(input)).toThrow(
      new SessionArgumentError('signIn takes an object with these fields: userId, amr, data, assuranceLevel'),
    );
  });
});

describe('findNearestName', () => {
  it.each([
    ['userid', 'userId'],
    ['user', 'userId'],
    ['usrId', 'userId'],
    ['dat', 'data'],
    ['datas', 'data'],
    ['arm', 'amr'],
    ['AMR', 'amr'],
    ['assurancelevels', 'assuranceLevel'],
    ['x', undefined],
    ['', undefined],
    ['id', undefined],
  ])('%s: %s', (name, nearest) => {
    expect(findNearestName(name, FIELDS)).toBe(nearest);
  });

  it('compares a name of any length at once', () => {
    expect(findNearestName('userId'.repeat(100_000), FIELDS)).toBeUndefined();
  });
});
