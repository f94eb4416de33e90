import { describe, expect, it } from '@jest/globals';
import { planRequest, planSingle, providerWeightsFor } from '../../../consumers/email-send/plan-request.ts';

const decision = {
  weights: { a: 500, b: 300, c: 200 },
  providerWeights: { gmail: { a: 900, b: 100, c: 0 } },
};

describe('The weights of a request', () => {
  it('are its providers’ own, and those of the whole where there are none', () => {
    expect(providerWeightsFor(decision, null, ['gmail', 'other'])).toEqual({
      gmail: { a: 900, b: 100, c: 0 },
      other: { a: 500, b: 300, c: 200 },
    });
  });

  it('are 1000 again among the ESPs that it names', () => {
    expect(providerWeightsFor(decision, ['b', 'c', 'gone'], ['gmail', 'other'])).toEqual({
      gmail: { b: 1_000, c: 0 },
      other: { b: 600, c: 400 },
    });
  });
});

describe('The plan of a request', () => {
  it('has weights averaged over its recipients, and the split that they promise', () => {
    const byProvider = providerWeightsFor(decision, null, ['gmail', 'other']);
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
