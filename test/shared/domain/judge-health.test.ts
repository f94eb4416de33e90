import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { healthAfterRound, newHealth, type EspHealth } from '../../../shared/domain/judge-health.ts';

const thresholds = { healthyThreshold: 6, unhealthyThreshold: 2 };
const rounds = { good: { good: 5, bad: 0 }, bad: { good: 5, bad: 1 }, quiet: { good: 0, bad: 0 } };
type Round = keyof typeof rounds;
const after = (...told: readonly Round[]): EspHealth =>
  told.reduce((health, round) => healthAfterRound(health, rounds[round], thresholds), newHealth);
const times = (round: Round, count: number): Round[] => Array<Round>(count).fill(round);

describe('The health of an ESP', () => {
  it('falls at the second bad round in a row, not at the first', () => {
    expect(after('bad').state).toBe('healthy');
    expect(after('bad', 'bad').state).toBe('unhealthy');
    expect(after('bad', 'good', 'bad').state).toBe('healthy');
  });

  it('returns at the sixth good round in a row, not at the fifth', () => {
    expect(after('bad', 'bad', ...times('good', 5)).state).toBe('unhealthy');
    expect(after('bad', 'bad', ...times('good', 6)).state).toBe('healthy');
    expect(after('bad', 'bad', ...times('good', 5), 'bad', 'good').state).toBe('unhealthy');
    expect(after('bad', 'bad', ...times('good', 5), 'bad', ...times('good', 6)).state).toBe('healthy');
  });

  it('takes one bad call among many good ones for a bad round', () => {
    const one = { good: 10_000, bad: 1 };
    const health = healthAfterRound(healthAfterRound(newHealth, one, thresholds), one, thresholds);
    expect(health).toEqual({ state: 'unhealthy', goodRounds: 0, badRounds: 2 });
  });

  it('falls at once after a call that no later call can mend', () => {
    const once = healthAfterRound(newHealth, { good: 100, bad: 1, fatal: 1 }, thresholds);
    expect(once).toEqual({ state: 'unhealthy', goodRounds: 0, badRounds: 1 });
    expect(healthAfterRound(newHealth, { good: 100, bad: 1, fatal: 0 }, thresholds).state).toBe('healthy');
  });

  it('learns nothing from a round without calls', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<Round>('good', 'bad', 'quiet')), (told) => {
        expect(after(...told)).toEqual(after(...told.filter((round) => round !== 'quiet')));
      }),
    );
  });

  it('only flips when the last rounds in a row reach the threshold', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<Round>('good', 'bad'), { minLength: 1 }), (told) => {
        const before = after(...told.slice(0, -1)).state;
        const now = after(...told).state;
        if (before !== now) {
          const needed: Round[] = now === 'healthy' ? times('good', 6) : times('bad', 2);
          expect(told.slice(-needed.length)).toEqual(needed);
        }
      }),
    );
  });
});
