import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { weightsOf } from '../../../shared/domain/apportion.ts';
import type { Allowance } from '../../../shared/domain/esp-health.ts';
import type { Memory } from '../../../shared/domain/policies/policy.ts';
import { averageWeights, underAllowances, weighEsps, weightPolicies } from '../../../shared/domain/weigh-esps.ts';
import { anyEvidence, cell, everywhere, someEsps, someProviders } from './some-evidence.ts';

const sum = (counts: Readonly<Record<string, number>> = {}): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

const allowance: fc.Arbitrary<Allowance> = fc.oneof(
  fc.constant<Allowance>({ kind: 'any' }),
  fc.double({ min: 0, max: 1, noNaN: true }).map((most): Allowance => ({ kind: 'share', most })),
  fc.constantFrom<Allowance>({ kind: 'probe' }, { kind: 'drain' }, { kind: 'none' }),
);
const allowances = fc.dictionary(fc.constantFrom(...someEsps), allowance, { noNullPrototype: true });
const mayHave = ({ kind }: Allowance): boolean => kind === 'any' || kind === 'share';
const mostOf = (one: Allowance | undefined): number =>
  one === undefined || one.kind === 'any' ? 1 : one.kind === 'share' ? one.most : 0;

describe('The weights of the ESPs', () => {
  const asked = fc.record({
    policy: fc.constantFrom(...weightPolicies),
    esps: fc.subarray([...someEsps], { minLength: 1 }),
    past: anyEvidence,
    batches: fc.array(fc.array(anyEvidence, { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
    allowed: allowances,
    seed: fc.integer(),
  });

  it('sum to exactly 1000 at each mailbox provider, batch after batch, whatever became known', () => {
    fc.assert(
      fc.property(asked, ({ policy, esps, past, batches, allowed, seed }) => {
        let memory: Memory | undefined;
        for (const [index, news] of batches.entries()) {
          const input = { esps, providers: someProviders, past: index === 0 ? past : {}, news, memory, seed };
          const weighed = weighEsps(policy, input, allowed);
          expect(Object.keys(weighed.weights)).toEqual(someProviders);
          for (const provider of someProviders) {
            const weights = weighed.weights[provider] ?? {};
            expect(Object.keys(weights).sort()).toEqual([...esps].sort());
            expect(sum(weights)).toBe(1_000);
            for (const weight of Object.values(weights)) expect(weight).toBeGreaterThanOrEqual(0);
            for (const score of Object.values(weighed.scores[provider] ?? {}))
              expect(Number.isFinite(score)).toBe(true);
          }
          memory = weighed.memory;
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are the same for the same input, and leave it as it was', () => {
    fc.assert(
      fc.property(asked, ({ policy, esps, past, batches, allowed, seed }) => {
        const input = { esps, providers: someProviders, past, news: batches.flat(), seed };
        const before = JSON.stringify(input);
        const first = weighEsps(policy, input, allowed);
        expect(weighEsps(policy, input, allowed)).toEqual(first);
        expect(JSON.stringify(input)).toBe(before);
      }),
      { numRuns: 50 },
    );
  });

  it('leave a sick ESP nothing, and give what it had to the others', () => {
    for (const policy of weightPolicies) {
      const news = [everywhere({ postmark: cell(500, 0.97), sendgrid: cell(500, 0.97), ses: cell(500, 0.99) })];
      const esps = ['postmark', 'sendgrid', 'ses'];
      const input = { esps, providers: ['gmail'], past: {}, news, seed: 1 };
      const { weights } = weighEsps(policy, input, { ses: { kind: 'probe' } });
      expect(weights['gmail']?.['ses']).toBe(0);
      expect(Math.abs((weights['gmail']?.['postmark'] ?? 0) - 500)).toBeLessThan(150);
    }
  });

  it('are asked of any rule that is no policy of ours too', () => {
    const rule = () => ({ shares: () => ({ ses: 3, smtp: 1 }), scores: {} });
    const input = { esps: ['ses', 'smtp'], providers: ['other'], past: {}, news: [], seed: 1 };
    expect(weighEsps(rule, input, {}).weights).toEqual({ other: { ses: 750, smtp: 250 } });
  });
});

describe('Shares under allowances', () => {
  const share = fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 10, noNaN: true }));
  const shares = fc.dictionary(fc.constantFrom(...someEsps), share, { noNullPrototype: true });

  it('sum to 1, and give nobody more than its limit when the limits can be kept', () => {
    fc.assert(
      fc.property(allowances, shares, fc.subarray([...someEsps], { minLength: 1 }), (allowed, wanted, esps) => {
        const given = underAllowances(esps, allowed, () => wanted);
        expect(Object.keys(given).sort()).toEqual([...esps].sort());
        expect(sum(given)).toBeCloseTo(1, 9);
        const open = esps.filter((esp) => allowed[esp] === undefined || mayHave(allowed[esp]));
        const room = open.reduce((total, esp) => total + mostOf(allowed[esp]), 0);
        for (const esp of esps) {
          expect(given[esp]).toBeGreaterThanOrEqual(0);
          if (open.length > 0 && !open.includes(esp)) expect(given[esp]).toBe(0);
          if (open.includes(esp) && room >= 1.000001)
            expect(given[esp]).toBeLessThanOrEqual(mostOf(allowed[esp]) + 1e-9);
        }
      }),
    );
  });

  it('are the wanted ones where nothing stands against them', () => {
    fc.assert(
      fc.property(shares, (wanted) => {
        fc.pre(sum(wanted) > 0);
        const given = underAllowances([...someEsps], {}, () => wanted);
        for (const esp of someEsps) expect(given[esp]).toBeCloseTo((wanted[esp] ?? 0) / sum(wanted), 9);
      }),
    );
  });

  it('ask anew who is best among those that are left when one has reached its limit', () => {
    const asked: string[][] = [];
    const given = underAllowances(['a', 'b', 'c'], { a: { kind: 'share', most: 0.1 } }, (among) => {
      asked.push([...among]);
      return { a: 8, b: 1, c: among.includes('a') ? 1 : 3 };
    });
    expect(asked).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c'],
    ]);
    expect(given).toEqual({ a: 0.1, b: 0.9 / 4, c: (0.9 * 3) / 4 });
  });

  it('go over limits that cannot be kept, in proportion', () => {
    const limits: Record<string, Allowance> = { a: { kind: 'share', most: 0.05 }, b: { kind: 'share', most: 0.05 } };
    expect(underAllowances(['a', 'b'], limits, () => ({ a: 3, b: 1 }))).toEqual({ a: 0.75, b: 0.25 });
  });

  it.each<[string, Record<string, Allowance>, Record<string, number>]>([
    [
      'the sick alike when all are sick',
      { a: { kind: 'probe' }, b: { kind: 'probe' }, c: { kind: 'probe' } },
      { a: 1 / 3, b: 1 / 3, c: 1 / 3 },
    ],
    [
      'the sick alike, but not the paused',
      { a: { kind: 'probe' }, b: { kind: 'none' }, c: { kind: 'probe' } },
      { a: 0.5, b: 0, c: 0.5 },
    ],
    ['nor those that drain', { a: { kind: 'drain' }, b: { kind: 'none' }, c: { kind: 'probe' } }, { a: 0, b: 0, c: 1 }],
    [
      'all alike when an operator took out every one',
      { a: { kind: 'drain' }, b: { kind: 'none' }, c: { kind: 'none' } },
      { a: 1 / 3, b: 1 / 3, c: 1 / 3 },
    ],
    ['the one that is well alone', { a: { kind: 'probe' }, b: { kind: 'none' } }, { a: 0, b: 0, c: 1 }],
  ])('try %s', (_, allowed, expected) => {
    expect(underAllowances(['a', 'b', 'c'], allowed, () => ({ a: 1, b: 1, c: 1 }))).toEqual(expected);
  });
});

describe('Weights averaged over the recipients', () => {
  const byProvider = { gmail: { a: 1_000, b: 0 }, other: { a: 0, b: 1_000 } };

  it.each<[string, Record<string, number>, Record<string, number>]>([
    ['are those of the one provider that has any', { gmail: 7 }, { a: 1_000, b: 0 }],
    ['go by how many each provider has', { gmail: 3, other: 1 }, { a: 750, b: 250 }],
    ['take all providers alike without recipients', {}, { a: 500, b: 500 }],
    ['leave out recipients of providers without weights', { gmail: 1, other: 1, yahoo: 98 }, { a: 500, b: 500 }],
  ])('%s', (_, recipients, expected) => {
    expect(averageWeights(byProvider, recipients)).toEqual(expected);
  });

  it('sum to exactly 1000, and miss the exact average by less than one', () => {
    const weights = fc
      .tuple(fc.nat({ max: 1_000 }), fc.nat({ max: 1_000 }), fc.nat({ max: 1_000 }))
      .map(([a, b, c]) => weightsOf({ a, b, c }));
    const rows = fc.dictionary(fc.constantFrom(...someProviders), fc.tuple(weights, fc.nat({ max: 10_000 })), {
      minKeys: 1,
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(rows, (given) => {
        const own = Object.fromEntries(Object.entries(given).map(([provider, [row]]) => [provider, row]));
        const recipients = Object.fromEntries(Object.entries(given).map(([provider, [, count]]) => [provider, count]));
        const average = averageWeights(own, recipients);
        expect(sum(average)).toBe(1_000);
        const total = sum(recipients);
        for (const esp of total === 0 ? [] : ['a', 'b', 'c']) {
          const exact = Object.entries(own).reduce(
            (all, [provider, row]) => all + (row[esp] ?? 0) * (recipients[provider] ?? 0),
            0,
          );
          expect(Math.abs((average[esp] ?? 0) - exact / total)).toBeLessThan(1);
        }
      }),
    );
  });
});
