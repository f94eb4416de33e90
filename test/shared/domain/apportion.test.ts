import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { apportion, interleave, restrictWeights, weightsOf, type Shares } from '../../../shared/domain/apportion.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const sum = (shares: Shares): number => Object.values(shares).reduce((total, share) => total + share, 0);
const sharesOf = (share: fc.Arbitrary<number>): fc.Arbitrary<Record<string, number>> =>
  fc.dictionary(fc.constantFrom(...names), share, { minKeys: 1, maxKeys: names.length, noNullPrototype: true });
const wholeShares = sharesOf(fc.nat({ max: 5_000 }));
const anyShares = fc.oneof(wholeShares, sharesOf(fc.double({ min: 0, max: 1e6, noNaN: true })));

describe('apportion', () => {
  it('gives out exactly the total and holds every name', () => {
    fc.assert(
      fc.property(fc.nat({ max: 20_000 }), anyShares, (total, shares) => {
        const cut = apportion(total, shares);
        expect(sum(cut)).toBe(total);
        expect(Object.keys(cut).sort()).toEqual(Object.keys(shares).sort());
      }),
    );
  });

  it('gives everyone the floor of their exact share or one more', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), wholeShares, (total, shares) => {
        fc.pre(sum(shares) > 0);
        for (const [name, count] of Object.entries(apportion(total, shares))) {
          const floor = Math.floor((total * (shares[name] ?? 0)) / sum(shares));
          expect([floor, floor + 1]).toContain(count);
        }
      }),
    );
  });

  it('gives what is left to the largest remainders', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), wholeShares, (total, shares) => {
        fc.pre(sum(shares) > 0);
        const cut = apportion(total, shares);
        const rows = Object.entries(shares).map(([name, share]) => {
          const numerator = total * share;
          const floor = Math.floor(numerator / sum(shares));
          return { remainder: numerator - floor * sum(shares), hasExtra: (cut[name] ?? 0) > floor };
        });
        const lucky = rows.filter((row) => row.hasExtra).map((row) => row.remainder);
        const others = rows.filter((row) => !row.hasExtra).map((row) => row.remainder);
        if (lucky.length > 0 && others.length > 0) {
          expect(Math.min(...lucky)).toBeGreaterThanOrEqual(Math.max(...others));
        }
      }),
    );
  });

  it('does not depend on the order of the names', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), wholeShares, (total, shares) => {
        const reversed = Object.fromEntries(Object.entries(shares).reverse());
        expect(apportion(total, reversed)).toEqual(apportion(total, shares));
      }),
    );
  });

  it.each<[string, number, Shares, Shares]>([
    ['a tie goes to the larger share', 1, { b: 3, a: 1 }, { a: 0, b: 1 }],
    ['equal remainders go to the larger share', 2, { a: 1, b: 3 }, { a: 0, b: 2 }],
    ['a tie of equal shares goes to the name a–z', 1, { c: 1, b: 1, a: 1 }, { a: 1, b: 0, c: 0 }],
    ['two left of three', 5, { z: 1, y: 1, x: 1 }, { x: 2, y: 2, z: 1 }],
    ['the contract’s own example of thirds', 1_000, { a: 1, b: 1, c: 1 }, { a: 334, b: 333, c: 333 }],
    ['all shares 0: everyone counts alike', 10, { a: 0, b: 0 }, { a: 5, b: 5 }],
    ['a share of 0 gets nothing beside others', 1_000, { a: 0, b: 1 }, { a: 0, b: 1_000 }],
    ['nobody', 10, {}, {}],
    ['nothing', 0, { a: 1, b: 2 }, { a: 0, b: 0 }],
  ])('%s', (_, total, shares, expected) => {
    expect(apportion(total, shares)).toEqual(expected);
  });
});

describe('weights', () => {
  it('sum to exactly 1000', () => {
    fc.assert(
      fc.property(anyShares, (shares) => {
        expect(sum(weightsOf(shares))).toBe(1_000);
      }),
    );
  });

  it('sum to exactly 1000 again when some ESPs are left out, in the proportion they had', () => {
    fc.assert(
      fc.property(wholeShares, fc.subarray(names), (shares, allowed) => {
        const weights = weightsOf(shares);
        const kept = restrictWeights(weights, allowed);
        const known = Object.keys(weights).filter((name) => allowed.includes(name));
        expect(Object.keys(kept).sort()).toEqual(known.sort());
        expect(sum(kept)).toBe(known.length === 0 ? 0 : 1_000);
        for (const one of known) {
          for (const other of known) {
            if ((weights[one] ?? 0) > (weights[other] ?? 0)) expect(kept[one]).toBeGreaterThanOrEqual(kept[other] ?? 0);
          }
        }
      }),
    );
  });

  it('are untouched when every ESP is allowed', () => {
    expect(restrictWeights({ a: 400, b: 600 }, undefined)).toEqual({ a: 400, b: 600 });
    expect(restrictWeights({ a: 250, b: 750 }, ['a'])).toEqual({ a: 1_000 });
  });
});

describe('interleave', () => {
  const counts = fc.oneof(
    sharesOf(fc.nat({ max: 300 })),
    // One that carries nearly all, as when all others are sick.
    fc
      .tuple(fc.integer({ min: 90, max: 1_000 }), sharesOf(fc.nat({ max: 3 })))
      .map(([most, few]) => ({ ...few, most })),
  );

  it('holds every name exactly as often as asked', () => {
    fc.assert(
      fc.property(counts, (wanted) => {
        const found: Record<string, number> = Object.fromEntries(Object.keys(wanted).map((name) => [name, 0]));
        for (const name of interleave(wanted)) found[name] = (found[name] ?? 0) + 1;
        expect(found).toEqual(wanted);
      }),
    );
  });

  it('keeps every prefix within one of its share, so that any stretch is within two', () => {
    fc.assert(
      fc.property(counts, (wanted) => {
        const total = sum(wanted);
        const seen: Record<string, number> = {};
        let worst = 0;
        interleave(wanted).forEach((name, index) => {
          seen[name] = (seen[name] ?? 0) + 1;
          for (const [each, count] of Object.entries(wanted)) {
            worst = Math.max(worst, Math.abs((seen[each] ?? 0) - ((index + 1) * count) / total));
          }
        });
        expect(worst).toBeLessThan(1);
      }),
    );
  });

  it('is the same for the same counts in any order', () => {
    expect(interleave({ a: 2, b: 1 })).toEqual(interleave({ b: 1, a: 2 }));
    expect(interleave({})).toEqual([]);
    expect(interleave({ a: 0 })).toEqual([]);
    expect(interleave({ a: 2, b: 2 })).toEqual(['a', 'b', 'a', 'b']);
  });
});
