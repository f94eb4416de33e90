import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  allowanceOf,
  healthAfterRound,
  healthAt,
  newHealth,
  type Allowance,
  type EspHealth,
} from '../../../shared/domain/esp-health.ts';

const thresholds = { healthyThreshold: 6, unhealthyThreshold: 2 };
const rounds = {
  good: { good: 5, bad: 0, fatal: 0 },
  bad: { good: 5, bad: 1, fatal: 0 },
  fatal: { good: 99, bad: 1, fatal: 1 },
  quiet: { good: 0, bad: 0, fatal: 0 },
};
type Round = keyof typeof rounds;
const times = (round: Round, count: number): Round[] => Array<Round>(count).fill(round);
const anyRound = fc.constantFrom<Round>('good', 'bad', 'quiet');

/** Health after rounds that follow each other, from `first` on. */
const follow = (told: readonly Round[], from: EspHealth = newHealth, first = 100): EspHealth =>
  told.reduce(
    (health, round, index) => healthAfterRound(health, { round: first + index, ...rounds[round] }, thresholds),
    from,
  );
/** The same at the beginning of the round after them. */
const after = (...told: readonly Round[]): EspHealth => healthAt(follow(told), 100 + told.length, thresholds);

describe('A round', () => {
  it.each<[boolean, number, number, number]>([
    [false, 5, 0, 0],
    [false, 10_000, 1, 0],
    [false, 9, 1, 0],
    [true, 8, 1, 0],
    [true, 0, 1, 0],
    [false, 900, 100, 0],
    [true, 899, 100, 0],
    [true, 10_000, 1, 1],
  ])('is bad: %s, with %d good answers and %d bad ones, %d of them fatal', (isBad, good, bad, fatal) => {
    const health = healthAfterRound(newHealth, { round: 1, good, bad, fatal }, thresholds);
    expect(health).toMatchObject({ badRounds: isBad ? 1 : 0, goodRounds: isBad ? 0 : 1, lastRound: 1 });
  });
});

describe('The health of an ESP', () => {
  it('falls at the second bad round in a row, not at the first', () => {
    expect(after('bad').state).toBe('healthy');
    expect(after('bad', 'bad').state).toBe('unhealthy');
    expect(after('bad', 'good', 'bad').state).toBe('healthy');
    expect(after('bad', 'quiet', 'quiet', 'bad').state).toBe('unhealthy');
  });

  it('falls at once after an answer that no later call can mend', () => {
    expect(after('fatal')).toMatchObject({ state: 'unhealthy', badRounds: 1, changedRound: 100 });
  });

  it('returns at the sixth good round in a row, not at the fifth', () => {
    expect(after('bad', 'bad', ...times('good', 5)).state).toBe('unhealthy');
    expect(after('bad', 'bad', ...times('good', 6)).state).toBe('healthy');
    expect(after('bad', 'bad', ...times('good', 5), 'bad', 'good').state).toBe('unhealthy');
    expect(after('bad', 'bad', ...times('good', 5), 'bad', ...times('good', 6)).state).toBe('healthy');
  });

  it('returns by one good probe and five rounds in which nobody had anything to ask', () => {
    expect(after('bad', 'bad', 'good', ...times('quiet', 4)).state).toBe('unhealthy');
    expect(after('bad', 'bad', 'good', ...times('quiet', 5))).toMatchObject({ state: 'healthy', changedRound: 107 });
  });

  it('does not return by silence alone', () => {
    expect(after('bad', 'bad', ...times('quiet', 1_000)).state).toBe('unhealthy');
  });

  it('takes quiet rounds after a good one for good, and after a bad one for nothing', () => {
    fc.assert(
      fc.property(fc.array(anyRound, { maxLength: 40 }), (told) => {
        const filled: Round[] = [];
        for (const round of told) filled.push(round === 'quiet' && filled.at(-1) === 'good' ? 'good' : round);
        const end = 100 + told.length;
        const [known, expected] = [after(...told), after(...filled)];
        expect([known.state, known.changedRound, known.trips]).toEqual([
          expected.state,
          expected.changedRound,
          expected.trips,
        ]);
        expect(allowanceOf(known, end)).toEqual(allowanceOf(expected, end));
      }),
    );
  });

  it('only flips when the last rounds in a row reach the threshold', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<Round>('good', 'bad'), { minLength: 1 }), (told) => {
        const before = after(...told.slice(0, -1)).state;
        const now = after(...told);
        if (before !== now.state) {
          const needed: Round[] = now.state === 'healthy' ? times('good', 6) : times('bad', 2);
          expect(told.slice(-needed.length)).toEqual(needed);
          expect(now.changedRound).toBe(100 + told.length - 1);
        }
      }),
    );
  });

  it('counts its falls, and forgets them after an hour without one', () => {
    const fall = times('bad', 2);
    const rise = times('good', 6);
    const thrice = after(...fall, ...rise, ...fall, ...rise, ...fall);
    expect(thrice.trips).toBe(3);
    const well = follow(rise, thrice, 200);
    expect(follow(fall, well, 205 + 700).trips).toBe(4);
    expect(follow(fall, well, 205 + 721).trips).toBe(1);
  });
});

describe('What an ESP may have', () => {
  const shareOf = (allowance: Allowance): number =>
    allowance.kind === 'any' ? 1 : allowance.kind === 'share' ? allowance.most : 0;

  it('is everything before it ever failed, 5 % after one bad round, and probes while it is sick', () => {
    expect(allowanceOf(newHealth, 5)).toEqual({ kind: 'any' });
    expect(allowanceOf(after('good'), 101)).toEqual({ kind: 'any' });
    expect(allowanceOf(after('bad'), 101)).toEqual({ kind: 'share', most: 0.05 });
    expect(allowanceOf(after('bad', 'good'), 102)).toEqual({ kind: 'any' });
    expect(allowanceOf(after('bad', 'bad'), 102)).toEqual({ kind: 'probe' });
  });

  it.each<[string, number, readonly number[]]>([
    ['doubles every round after a first fall', 1, [0.05, 0.1, 0.2, 0.4, 0.8, 1]],
    ['every second one after the second', 2, [0.05, 0.05, 0.1, 0.1, 0.2, 0.2, 0.4, 0.4, 0.8, 0.8, 1]],
    ['every third one after the third', 3, [0.05, 0.05, 0.05, 0.1, 0.1, 0.1, 0.2]],
  ])('%s', (_, trips, expected) => {
    const well: EspHealth = { ...newHealth, goodRounds: 6, lastRound: 50, trips, changedRound: 50 };
    expect(expected.map((_share, index) => shareOf(allowanceOf(well, 51 + index)))).toEqual(expected);
  });

  it('never shrinks while an ESP stays well, and ends at everything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat({ max: 1_000 }), (trips, later) => {
        const well: EspHealth = { ...newHealth, goodRounds: 6, lastRound: 0, trips, changedRound: 0 };
        expect(shareOf(allowanceOf(well, later + 1))).toBeGreaterThanOrEqual(shareOf(allowanceOf(well, later)));
        expect(shareOf(allowanceOf(well, 1 + 5 * trips))).toBe(1);
      }),
    );
  });
});
