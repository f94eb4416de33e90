import { describe, expect, it } from '@jest/globals';
import { noEvidence, type EspEvidence, type Evidence } from '../../../shared/domain/evidence.ts';
import {
  compareWeights,
  expectedRates,
  explainWhatIf,
  suppose,
  type Premises,
  type Weighing,
  type WhatIf,
} from '../../../shared/domain/what-if.ts';

const now: Premises = {
  policy: 'adaptive',
  esps: ['a', 'b', 'c'],
  states: { a: { most: 0.5 }, b: { mode: 'draining' } },
};

describe('What is supposed', () => {
  it.each<[string, WhatIf, Premises]>([
    ['nothing', {}, now],
    ['another policy', { policy: 'even' }, { ...now, policy: 'even' }],
    ['an ESP paused', { without: ['a'] }, { ...now, states: { ...now.states, a: { most: 0.5, mode: 'paused' } } }],
    [
      'one paused of which nothing is known',
      { without: ['c'] },
      { ...now, states: { ...now.states, c: { mode: 'paused' } } },
    ],
    ['some ESPs alone', { esps: ['c', 'a'] }, { ...now, esps: ['a', 'c'] }],
  ])('is %s', (_, question, expected) => {
    expect(suppose(question, now)).toEqual(expected);
  });
});

const cell = (sent: number, delivered: number, complained = 0): EspEvidence => ({
  ...{ ...noEvidence, sent, settled: sent, delivered, complained, bounced: sent - delivered },
});
const evidence: Evidence = {
  a: { gmail: cell(90_000, 89_100), yahoo: cell(10_000, 8_000, 40) },
  b: { gmail: cell(90_000, 81_000, 90), yahoo: cell(10_000, 9_900) },
};
const all = (esp: string) => ({ gmail: { [esp]: 1_000 }, yahoo: { [esp]: 1_000 } });

describe('What would become of the mail', () => {
  it.each([
    ['all through a', all('a'), { gmail: 9, yahoo: 1 }, 0.9 * 0.99 + 0.1 * 0.8],
    ['all through b', all('b'), { gmail: 9, yahoo: 1 }, 0.9 * 0.9 + 0.1 * 0.99],
    ['each provider by its best', { gmail: { a: 1_000 }, yahoo: { b: 1_000 } }, { gmail: 9, yahoo: 1 }, 0.99],
    ['half and half', { gmail: { a: 500, b: 500 }, yahoo: { a: 500, b: 500 } }, { gmail: 1 }, 0.945],
    ['no mail yet: providers alike', all('a'), {}, 0.5 * 0.99 + 0.5 * 0.8],
  ])('is told by rates of the mix, with %s', (_, weights, mix, delivered) => {
    expect(expectedRates(weights, evidence, mix).delivered).toBeCloseTo(delivered, 2);
  });

  it('takes an ESP without mail at a provider for what is usual there', () => {
    const usual = (89_100 + 81_000) / 180_000;
    expect(expectedRates({ gmail: { newcomer: 1_000 } }, evidence, { gmail: 1 }).delivered).toBeCloseTo(usual, 3);
    expect(expectedRates({ gmail: { a: 1_000 } }, {}, { gmail: 1 })).toEqual({ delivered: 0.97, complained: 0.0005 });
  });

  it('takes the silence of an ESP that never tells outcomes for no evidence', () => {
    const mute = { relay: { gmail: { ...noEvidence, sent: 50_000 } } };
    expect(expectedRates({ gmail: { relay: 1_000 } }, mute, { gmail: 1 }).delivered).toBe(0.97);
  });

  it('never is more than all of it, however many outcomes came before their mail counted', () => {
    const early = { a: { gmail: { ...noEvidence, sent: 100, settled: -50, delivered: 100, complained: 3 } } };
    const { delivered, complained } = expectedRates({ gmail: { a: 1_000 } }, early, { gmail: 1 });
    expect(delivered).toBeLessThanOrEqual(1);
    expect(complained).toBeLessThanOrEqual(1);
  });
});

describe('The comparison', () => {
  const weighing = (weights: Record<string, number>, scores: Record<string, number>): Weighing => ({
    policy: 'adaptive',
    weights,
    providerWeights: { gmail: weights, yahoo: weights },
    scores: { gmail: scores, yahoo: scores },
  });
  const today = weighing({ a: 800, b: 200 }, { a: 0.9, b: 0.8 });

  it('names every ESP with its change and score, also one that is left out', () => {
    const { esps } = compareWeights(today, weighing({ b: 1_000 }, { b: 0.8 }), evidence);
    expect(esps).toEqual([
      { esp: 'a', weight: 0, change: -800, score: null },
      { esp: 'b', weight: 1_000, change: 800, score: 0.8 },
    ]);
  });

  it('says in a sentence what would become of the mail', () => {
    const comparison = compareWeights(today, weighing({ a: 0, b: 1_000 }, { b: 0.8 }), evidence);
    expect(explainWhatIf({ without: ['a'] }, comparison)).toBe(
      'Without a: 90.90 % of the mail would be delivered (today 95.86 %) and 0.092 % complained about (today 0.048 %).',
    );
    expect(explainWhatIf({}, comparison)).toMatch(/^As it is: /);
    expect(explainWhatIf({ without: ['a', 'c'], esps: ['b'], policy: 'even' }, comparison)).toMatch(
      /^Without a, c and with b alone and by the policy even: /,
    );
  });
});
