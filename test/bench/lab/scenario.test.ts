import { describe, expect, it } from '@jest/globals';
import { espsAt, scenario } from '../../../bench/lab/scenario.ts';

const given = {
  esps: { a: { default: { delivered: 0.9, bounced: 0.05 }, gmail: { delivered: 0.8 } } },
  batches: 10,
  batchSize: 10,
  intervalMinutes: 1,
  eventDelayMinutes: 0,
};
const at = (changes: readonly unknown[], batch: number) => espsAt(scenario.parse({ ...given, changes }), batch)['a'];

describe('A scenario', () => {
  it('has an own entry where an ESP has one for the mailbox provider, and the default elsewhere', () => {
    expect(at([], 0)?.ratesFor('gmail')).toEqual({ delivered: 0.8, bounced: 0.05, complained: 0, opened: 0 });
    expect(at([], 0)?.ratesFor('yahoo')).toEqual({ delivered: 0.9, bounced: 0.05, complained: 0, opened: 0 });
  });

  it('lets changes happen in the order of time, whatever order they are written in', () => {
    const changes = [
      { atBatch: 7, esp: 'a', default: { delivered: 0.7 } },
      { atBatch: 3, esp: 'a', default: { delivered: 0.3 }, outage: true },
      { atBatch: 5, esp: 'a', outage: false, why: 'mended' },
    ];
    const seen = [2, 3, 5, 7].map((batch) => [at(changes, batch)?.isOut, at(changes, batch)?.ratesFor('x').delivered]);
    expect(seen).toEqual([
      [false, 0.9],
      [true, 0.3],
      [false, 0.3],
      [false, 0.7],
    ]);
  });

  it.each([
    ['no ESP', { ...given, esps: {} }],
    ['a share above 1', { ...given, esps: { a: { default: { delivered: 98 } } } }],
    ['no mailbox provider', { ...given, mailboxProviders: { gmail: 0 } }],
    ['a change that is none', { ...given, changes: [{ esp: 'a' }] }],
  ])('is refused with %s', (_what, text) => {
    expect(scenario.safeParse(text).success).toBe(false);
  });
});
