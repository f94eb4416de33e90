import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { probabilityOfBest, type Belief } from '../../../shared/domain/probability-of-best.ts';
import { createRandom } from '../../../shared/domain/random.ts';

const normal = (mean: number, deviation: number): Belief => [{ weight: 1, mean, variance: deviation ** 2 }];

const possibility = fc.record({
  weight: fc.double({ min: 0.01, max: 1, noNaN: true }),
  mean: fc.double({ min: -1, max: 1, noNaN: true }),
  variance: fc.double({ min: 0, max: 0.1, noNaN: true }),
});
const belief: fc.Arbitrary<Belief> = fc.array(possibility, { minLength: 1, maxLength: 2 }).map((all) => {
  const sum = all.reduce((total, { weight }) => total + weight, 0);
  return all.map((one) => ({ ...one, weight: one.weight / sum }));
});
const beliefs = fc.array(belief, { minLength: 1, maxLength: 6 });

/** How often each is the highest when the dice are thrown. */
const byDice = (all: readonly Belief[], throws: number, seed: number): number[] => {
  const random = createRandom(seed);
  const wins = all.map(() => 0);
  for (let n = 0; n < throws; n += 1) {
    const drawn = all.map((one) => {
      let at = random.next();
      const found = one.find(({ weight }) => (at -= weight) < 0) ?? one.at(-1);
      return (found?.mean ?? 0) + random.normal() * Math.sqrt(found?.variance ?? 0);
    });
    const best = drawn.indexOf(Math.max(...drawn));
    wins[best] = (wins[best] ?? 0) + 1;
  }
  return wins.map((count) => count / throws);
};

describe('The probability to be the best', () => {
  it('sums to 1 and is never negative', () => {
    fc.assert(
      fc.property(beliefs, (all) => {
        const chances = probabilityOfBest(all);
        expect(chances.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 9);
        for (const chance of chances) expect(chance).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('is the same for the same belief', () => {
    fc.assert(
      fc.property(belief, fc.integer({ min: 1, max: 6 }), (one, count) => {
        for (const chance of probabilityOfBest(Array<Belief>(count).fill(one)))
          expect(chance).toBeCloseTo(1 / count, 9);
      }),
    );
  });

  it('belongs to the belief and not to its place', () => {
    fc.assert(
      fc.property(beliefs, (all) => {
        const backwards = probabilityOfBest([...all].reverse()).reverse();
        probabilityOfBest(all).forEach((chance, index) => {
          expect(backwards[index]).toBeCloseTo(chance, 9);
        });
      }),
    );
  });

  it('is none for one that is surely worse, and all for the one that is surely better', () => {
    const [better = 0, worse = 1, worst = 1] = probabilityOfBest([
      normal(0.9, 0.01),
      normal(0.5, 0.01),
      normal(0.1, 0.01),
    ]);
    expect(better).toBeCloseTo(1, 6);
    expect(worse).toBeLessThan(1e-6);
    expect(worst).toBeLessThan(1e-6);
  });

  it('is one for one alone, and nothing for nobody', () => {
    expect(probabilityOfBest([normal(0.3, 0.2)])).toEqual([1]);
    expect(probabilityOfBest([])).toEqual([]);
  });

  it('grows with the mean, and for one that is behind with its doubt', () => {
    const chanceOf = (one: Belief): number => probabilityOfBest([one, normal(0.97, 0.01)])[0] ?? 0;
    expect(chanceOf(normal(0.96, 0.01))).toBeGreaterThan(chanceOf(normal(0.95, 0.01)));
    expect(chanceOf(normal(0.9, 0.05))).toBeGreaterThan(chanceOf(normal(0.9, 0.01)));
  });

  it.each<[string, readonly Belief[]]>([
    ['two that are close', [normal(0.97, 0.01), normal(0.965, 0.01)]],
    ['three of different doubt', [normal(0.97, 0.002), normal(0.96, 0.02), normal(0.95, 0.04)]],
    ['six', [0.98, 0.975, 0.97, 0.965, 0.96, 0.95].map((mean, index) => normal(mean, 0.004 * (index + 1)))],
    [
      'one that may have fallen',
      [
        [
          { weight: 0.7, mean: 0.98, variance: 0.00001 },
          { weight: 0.3, mean: 0.6, variance: 0.004 },
        ],
        normal(0.96, 0.006),
        normal(0.95, 0.02),
      ],
    ],
  ])('agrees with the dice: %s', (_, all) => {
    const thrown = byDice(all, 40_000, 7);
    // Dice of 40,000 throws miss by 0.0025 (a deviation); the grid may add as much.
    probabilityOfBest(all).forEach((chance, index) => {
      expect(Math.abs(chance - (thrown[index] ?? 0))).toBeLessThan(0.015);
    });
  });

  it('agrees with the formula for two normal distributions', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -0.1, max: 0.1, noNaN: true }),
        fc.double({ min: 0.005, max: 0.05, noNaN: true }),
        fc.double({ min: 0.005, max: 0.05, noNaN: true }),
        (lead, own, other) => {
          const z = lead / Math.hypot(own, other);
          // Simpson's rule over the density: an answer of its own.
          let area = 0;
          const steps = 2_000;
          for (let step = 0; step <= steps; step += 1) {
            const x = (z * step) / steps;
            const factor = step === 0 || step === steps ? 1 : step % 2 === 1 ? 4 : 2;
            area += (factor * Math.exp((-x * x) / 2) * z) / (3 * steps * Math.sqrt(2 * Math.PI));
          }
          expect(
            Math.abs((probabilityOfBest([normal(lead, own), normal(0, other)])[0] ?? 0) - 0.5 - area),
          ).toBeLessThan(0.015);
        },
      ),
    );
  });
});
