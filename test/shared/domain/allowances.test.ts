import { describe, expect, it } from '@jest/globals';
import { allowanceIn, allowanceInWords, type EspState } from '../../../shared/domain/allowances.ts';
import { newHealth, type Allowance, type EspHealth } from '../../../shared/domain/esp-health.ts';

const thresholds = { healthyThreshold: 6, unhealthyThreshold: 2 };
const sick: EspHealth = { ...newHealth, state: 'unhealthy', badRounds: 2, lastRound: 99, trips: 1, changedRound: 99 };
const probed: EspHealth = { ...sick, badRounds: 0, goodRounds: 1, lastRound: 100 };
const shaken: EspHealth = { ...newHealth, badRounds: 1, lastRound: 99 };

describe('What an ESP may have', () => {
  it.each<[string, EspState, Allowance, string]>([
    ['nothing is known of', {}, { kind: 'any' }, 'any share'],
    ['is active and well', { mode: 'active', health: newHealth, most: 1 }, { kind: 'any' }, 'any share'],
    ['is sick', { health: sick }, { kind: 'probe' }, 'unhealthy: probes only'],
    ['is sick and on a ramp', { health: sick, most: 0.2 }, { kind: 'probe' }, 'unhealthy: probes only'],
    ['has had a bad round', { health: shaken }, { kind: 'share', most: 0.05 }, 'at most 5.0 %'],
    [
      'has less left than a bad round leaves',
      { health: shaken, most: 0.02 },
      { kind: 'share', most: 0.02 },
      'at most 2.0 %',
    ],
    [
      'has more left than a bad round leaves',
      { health: shaken, most: 0.5 },
      { kind: 'share', most: 0.05 },
      'at most 5.0 %',
    ],
    ['is on a ramp', { most: 0.125 }, { kind: 'share', most: 0.125 }, 'at most 12.5 %'],
    ['has spent its budget', { most: 0 }, { kind: 'share', most: 0 }, 'at most 0.0 %'],
    ['was paused', { mode: 'paused' }, { kind: 'none' }, 'paused'],
    ['was paused while sick', { mode: 'paused', health: sick }, { kind: 'none' }, 'paused'],
    ['drains', { mode: 'draining', health: sick }, { kind: 'drain' }, 'draining: nothing new'],
    ['asked to be left alone', { isResting: true }, { kind: 'probe' }, 'resting, as it asked: probes only'],
    ['may have probes', { mode: 'probe-only' }, { kind: 'probe' }, 'probes only, as an operator decided'],
  ])('that %s', (_, state, allowance, words) => {
    expect(allowanceIn(state, 100, thresholds)).toEqual(allowance);
    expect(allowanceInWords(allowance, state)).toBe(words);
  });

  it('counts the quiet rounds since a good probe', () => {
    expect(allowanceIn({ health: probed }, 105, thresholds)).toEqual({ kind: 'probe', isAnswering: true });
    expect(allowanceIn({ health: probed }, 106, thresholds)).toEqual({ kind: 'share', most: 0.05 });
    expect(allowanceIn({ health: probed }, 111, thresholds)).toEqual({ kind: 'any' });
  });
});
