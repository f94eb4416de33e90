import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rareLikelihood, shareLikelihood } from '../../../shared/domain/likelihood.ts';

// Pólya's urn, drawn one by one: what the beta-binomial says without any logarithm of a gamma function.
const byUrn = (trials: number, hits: number, mean: number, worth: number): number => {
  const good = mean * worth;
  let chance = 1;
  for (let n = 0; n < hits; n += 1) chance *= (good + n) / (worth + n);
  for (let n = 0; n < trials - hits; n += 1) chance *= (worth - good + n) / (worth + hits + n);
  return chance;
};
const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);

describe('How well hits fit a believed rate', () => {
  it('is what an urn says, drawn one by one', () => {
    for (const [trials, hits, mean, worth] of [
      [1, 1, 0.9, 10],
      [5, 3, 0.5, 2],
      [12, 12, 0.97, 20],
      [30, 4, 0.2, 500],
      [8, 0, 0.999, 1],
    ] as const) {
      expect(Math.exp(shareLikelihood(trials, hits, mean, worth))).toBeCloseTo(byUrn(trials, hits, mean, worth), 9);
    }
  });

  it('sums to 1 over all that may happen', () => {
    const asked = fc.record({
      trials: fc.integer({ min: 1, max: 25 }),
      mean: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      worth: fc.double({ min: 1, max: 5_000, noNaN: true }),
    });
    fc.assert(
      fc.property(asked, ({ trials, mean, worth }) => {
        let sum = 0;
        for (let hits = 0; hits <= trials; hits += 1) {
          sum += choose(trials, hits) * Math.exp(shareLikelihood(trials, hits, mean, worth));
        }
        expect(sum).toBeCloseTo(1, 6);
      }),
    );
  });

  it('is better the nearer the belief, and the firmer a right one', () => {
    expect(shareLikelihood(1_000, 970, 0.97, 500)).toBeGreaterThan(shareLikelihood(1_000, 970, 0.9, 500));
    expect(shareLikelihood(1_000, 970, 0.97, 5_000)).toBeGreaterThan(shareLikelihood(1_000, 970, 0.97, 50));
    expect(shareLikelihood(1_000, 600, 0.97, 5_000)).toBeLessThan(shareLikelihood(1_000, 600, 0.97, 50));
  });

  it('is a number for certain rates, no trials and more hits than trials', () => {
    const count = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(count, count, fc.double({ min: 0, max: 1, noNaN: true }), (trials, hits, mean) => {
        expect(Number.isFinite(shareLikelihood(trials, hits, mean, 20))).toBe(true);
      }),
    );
    expect(shareLikelihood(0, 0, 0.9, 20)).toBeCloseTo(0, 9);
  });
});

describe('How well rare events fit a believed rate', () => {
  // Without the factorial that all answers to the same counts share.
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

  it('sums to 1 over all that may happen', () => {
    for (const [trials, seen, outOf] of [
      [100, 1, 2_000],
      [2_000, 0.5, 250],
      [500, 3, 1_000],
    ] as const) {
      let sum = 0;
      for (let events = 0; events < 150; events += 1) {
        sum += Math.exp(rareLikelihood(trials, events, seen, outOf)) / factorial(events);
      }
      expect(sum).toBeCloseTo(1, 3);
    }
  });

  it('grows with the events towards the believed number and falls beyond it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 40 }), (events, seen) => {
        // More had been seen: a better fit for more events than believed, a worse one for none.
        const some = (more: number): number => rareLikelihood(1_000, events, seen + more, 1_000);
        if (events > seen + 1) expect(some(1)).toBeGreaterThan(some(0));
        if (events < seen) expect(some(1)).toBeLessThan(some(0));
        expect(rareLikelihood(1_000, 0, seen + 1, 1_000)).toBeLessThan(rareLikelihood(1_000, 0, seen, 1_000));
      }),
    );
  });

  it('without events is worse the longer none came', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 100_000 }), (trials, more) => {
        expect(rareLikelihood(trials + more, 0, 2, 1_000)).toBeLessThan(rareLikelihood(trials, 0, 2, 1_000));
      }),
    );
  });
});
