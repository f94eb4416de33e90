import { expect, it } from '@jest/globals';
import { momentOf } from '../../cli/period.ts';

const now = new Date('2026-03-01T12:00:00Z');

it.each([
  ['90s', '2026-03-01T11:58:30.000Z'],
  ['30m', '2026-03-01T11:30:00.000Z'],
  ['24h', '2026-02-28T12:00:00.000Z'],
  ['7d', '2026-02-22T12:00:00.000Z'],
  ['2026-02-01', '2026-02-01T00:00:00.000Z'],
  ['2026-02-01T10:00:00+02:00', '2026-02-01T08:00:00.000Z'],
])('%s is a moment', (text, moment) => {
  expect(momentOf(text, now)).toBe(moment);
});

it.each(['', 'yesterday', '7', '7w', '-1h', '2026-13-01', '12'])('%j is none', (text) => {
  expect(momentOf(text, now)).toBeUndefined();
});
