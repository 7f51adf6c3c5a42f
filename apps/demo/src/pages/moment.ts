import type { Moment } from './views.js';

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
const EXACT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'medium', timeZone: 'UTC' });

/** An instant seen from `now`: "3 minutes ago", "in 2 hours", "just now" within a minute. Parts of a unit are dropped. */
export function describeMoment(at: Date, now: Date): Moment {
  const distanceMs = at.getTime() - now.getTime();
  const [unit, unitMs] = UNITS.find(([, ms]) => Math.abs(distanceMs) >= ms) ?? [];
  const words = unit && unitMs ? RELATIVE.format(Math.trunc(distanceMs / unitMs), unit) : 'just now';
  return { words, exact: `${EXACT.format(at)} UTC`, iso: at.toISOString() };
}
