import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatDuration, parseDuration, type Duration } from './duration.js';
import { SessionConfigurationError } from './session-errors.js';

describe('parseDuration', () => {
  it.each<[Duration, number]>([
    ['1ms', 1],
    ['250ms', 250],
    ['1s', 1000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['1.5h', 5_400_000],
    ['30d', 2_592_000_000],
    ['0.5ms', 1],
  ])('reads %s as %d ms', (text, wantedMs) => {
    expect(parseDuration(text, 'idleTimeout')).toBe(wantedMs);
  });

  it('reads every whole number of every unit', () => {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 365 }), fc.constantFrom('ms', 's', 'm', 'h', 'd'), (count, unit) => {
        expect(parseDuration(`${count}${unit}`, 'idleTimeout')).toBe(count * units[unit]);
      }),
    );
  });

  it.each([
    '',
    '30',
    '30 m',
    ' 30m',
    '30min',
    '30M',
    'm',
    '-1s',
    '0s',
    '0.0001ms',
    '1e3s',
    'Infinitys',
    'NaNs',
    '146001d',
  ])('refuses %j and names the option', (text) => {
    const parse = () => parseDuration(text as Duration, 'idleTimeout');
    expect(parse).toThrow(SessionConfigurationError);
    expect(parse).toThrow(/^idleTimeout must be a positive duration with a unit/);
  });

  it.each([[30], [undefined], [null], [['30m']], [{}]])('refuses %j, which only JavaScript could pass', (value) => {
    expect(() => parseDuration(value as unknown as Duration, 'idleTimeout')).toThrow(/^idleTimeout/);
  });
});

describe('formatDuration', () => {
  it.each<[number, string]>([
    [1, '1ms'],
    [1500, '1500ms'],
    [90_000, '90s'],
    [5_400_000, '90m'],
    [43_200_000, '12h'],
    [86_400_000, '24h'],
    [172_800_000, '2d'],
    [2_592_000_000, '30d'],
    [90_000_000_000, '25000h'],
  ])('writes %d ms as %s', (ms, wanted) => {
    expect(formatDuration(ms)).toBe(wanted);
  });

  it('writes what parseDuration reads as the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 * 365 * 86_400_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms), 'idleTimeout')).toBe(ms);
      }),
    );
  });
});
