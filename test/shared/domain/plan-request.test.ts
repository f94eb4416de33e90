import { describe, expect, it } from '@jest/globals';
import {
  planRequest,
  planSingle,
  providerWeightsFor,
  providerWeightsOnce,
} from '../../../shared/domain/plan-request.ts';
import { noEvidence } from '../../../shared/domain/evidence.ts';
import { weighEsps } from '../../../shared/domain/weigh-esps.ts';

const decision = {
  weights: { a: 500, b: 300, c: 200 },
  providerWeights: { gmail: { a: 900, b: 100, c: 0 } },
  policy: 'rates',
  basis: {},
};

describe('The weights of a request', () => {
  it('are its providers’ own, and those of the whole where there are none', () => {
    expect(providerWeightsFor(decision, null, ['gmail', 'other'], {})).toEqual({
      gmail: { a: 900, b: 100, c: 0 },
      other: { a: 500, b: 300, c: 200 },
    });
  });

  it('are 1000 again among the ESPs that it names', () => {
    expect(providerWeightsFor(decision, ['b', 'c', 'gone'], ['gmail', 'other'], {})).toEqual({
      gmail: { b: 1_000, c: 0 },
      other: { b: 600, c: 400 },
    });
  });

  it('are weighed anew among those, where the policy remembers: who is far behind is not as good as another', () => {
    const cell = (settled: number, delivered: number) => ({ ...noEvidence, sent: settled, settled, delivered });
    const providers = ['gmail', 'other'];
    const of = (delivered: number) => Object.fromEntries(providers.map((name) => [name, cell(1_000, delivered)]));
    const news = [{ a: of(990), b: of(950), c: of(600) }];
    const input = { esps: ['a', 'b', 'c'], providers, past: {}, news, seed: 1 };
    const { weights, memory } = weighEsps('adaptive', input, {});
    expect(weights['gmail']?.['b']).toBeLessThan(10);
    const weighed = {
      weights: weights['gmail'] ?? {},
      providerWeights: weights,
      policy: 'adaptive',
      basis: { memory },
    };

    const among = providerWeightsOnce();
    const restricted = among(weighed, ['b', 'c'], providers, {});
    expect(restricted['gmail']?.['b']).toBeGreaterThan(950);
    expect((restricted['gmail']?.['b'] ?? 0) + (restricted['gmail']?.['c'] ?? 0)).toBe(1_000);
    expect(among(weighed, ['b', 'c'], providers, {})).toEqual(restricted);
    // Known by what they may have, not only by their names.
    expect(among(weighed, ['b', 'c'], providers, { b: { kind: 'probe' } })['gmail']).toEqual({ b: 0, c: 1_000 });
  });
});

describe('The plan of a request', () => {
  it('has weights averaged over its recipients, and the split that they promise', () => {
    const byProvider = providerWeightsFor(decision, null, ['gmail', 'other'], {});
    const plan = planRequest(byProvider, { gmail: 30, other: 10 });
    expect(plan.weights).toEqual({ a: 800, b: 150, c: 50 });
    expect(plan.split).toEqual({ a: 32, b: 6, c: 2 });
    expect(plan.plan).toEqual({ gmail: { a: 27, b: 3, c: 0 }, other: { a: 5, b: 3, c: 2 } });
  });

  it('of one recipient is the ESP that was chosen for it', () => {
    expect(planSingle({ a: 500, b: 500 }, 'gmail', 'b')).toEqual({
      weights: { a: 500, b: 500 },
      split: { a: 0, b: 1 },
      plan: { gmail: { a: 0, b: 1 } },
    });
  });
});
