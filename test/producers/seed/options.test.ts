import { describe, expect, test } from '@jest/globals';
import { createIsoTime } from '../../../producers/seed/iso-time.ts';
import { parseOptions } from '../../../producers/seed/options.ts';

const now = new Date('2026-11-24T15:04:05Z');
const today = Date.UTC(2026, 10, 24);

describe('the command line of the seed', () => {
  test('means 100,000 messages of seed 1 up to the start of today when it says nothing', () => {
    const options = { messages: 100_000, seed: 1, untilMs: today, isReset: false };
    expect(parseOptions([], now)).toEqual({ kind: 'run', options });
  });

  test('takes numbers, a date and --reset', () => {
    const options = { messages: 5, seed: 9, untilMs: Date.UTC(2026, 9, 1), isReset: true };
    const args = ['--messages=5', '--seed', '9', '--until=2026-10-01', '--reset'];
    expect(parseOptions(args, now)).toEqual({ kind: 'run', options });
  });

  test.each([['--messages=many'], ['--seed=-1'], ['--until=2027-01-01'], ['--until=2020-01-01'], ['--what'], ['word']])(
    'refuses %s',
    (arg) => {
      expect(parseOptions([arg], now).kind).toBe('fault');
    },
  );

  test('is explained by --help', () => {
    expect(parseOptions(['--help'], now)).toEqual({ kind: 'help' });
  });
});

test('times read as toISOString writes them', () => {
  const iso = createIsoTime();
  for (const ms of [0, 1, 999, 86_399_999, 86_400_000, today - 1, today, today + 45_296_789]) {
    expect(iso(ms)).toBe(new Date(ms).toISOString());
  }
});
