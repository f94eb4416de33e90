import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { noEvidence, type EspEvidence, type Evidence } from '../../../../shared/domain/evidence.ts';
import type { Memory } from '../../../../shared/domain/policies/policy.ts';
import { weighEsps, type Weighed } from '../../../../shared/domain/weigh-esps.ts';
import { anyEvidence, cell, everywhere, someEsps, someProviders } from '../some-evidence.ts';

const decide = (
  esps: readonly string[],
  news: readonly Evidence[],
  more: { readonly memory?: Memory | undefined; readonly past?: Evidence } = {},
): Weighed =>
  weighEsps(
    'adaptive',
    { esps, providers: someProviders, past: more.past ?? {}, news, memory: more.memory, seed: 1 },
    {},
  );
const weightOf = ({ weights }: Weighed, esp: string, provider = 'gmail'): number => weights[provider]?.[esp] ?? -1;
const scoreOf = ({ scores }: Weighed, esp: string, provider = 'gmail'): number => scores[provider]?.[esp] ?? -1;

/** A decision after batches that were all alike. */
const afterBatches = (count: number, byEsp: Readonly<Record<string, EspEvidence>>): Weighed => {
  const esps = Object.keys(byEsp);
  let known = decide(esps, [everywhere(byEsp)]);
  for (let batch = 1; batch < count; batch += 1) known = decide(esps, [everywhere(byEsp)], { memory: known.memory });
  return known;
};
const next = (before: Weighed, news: Evidence, esps = ['a', 'b']): Weighed =>
  decide(esps, [news], { memory: before.memory });

describe('What the adaptive policy believes', () => {
  it('is nothing without evidence: all alike', () => {
    expect(decide(['a', 'b', 'c', 'd'], []).weights['gmail']).toEqual({ a: 250, b: 250, c: 250, d: 250 });
    expect(decide(['a', 'b', 'c', 'd'], [{}]).weights['other']).toEqual({ a: 250, b: 250, c: 250, d: 250 });
  });

  it('gives the better ESP more, and more the surer it is', () => {
    const shareAfter = (settled: number): number =>
      weightOf(decide(['a', 'b'], [everywhere({ a: cell(settled, 0.98), b: cell(settled, 0.93) })]), 'a');
    const shares = [20, 100, 500, 2_000].map(shareAfter);
    expect(shares[0]).toBeGreaterThan(500);
    expect(shares).toEqual([...shares].sort((x, y) => x - y));
    expect(shares.at(-1)).toBeGreaterThan(980);
  });

  it('counts mail that was lost without a word like mail that bounced', () => {
    const silent = everywhere({ a: cell(500, 0.97, { bounced: 15 }), b: cell(500, 0.93) });
    const loud = everywhere({ a: cell(500, 0.97), b: cell(500, 0.93, { bounced: 35 }) });
    expect(weightOf(decide(['a', 'b'], [silent]), 'b')).toBeLessThan(20);
    expect(decide(['a', 'b'], [silent]).weights).toEqual(decide(['a', 'b'], [loud]).weights);
  });

  it('takes a spike of complaints at its word, after any number of good batches', () => {
    const calm = afterBatches(6, { a: cell(3_000, 0.98, { complained: 1 }), b: cell(3_000, 0.97, { complained: 1 }) });
    expect(weightOf(calm, 'a')).toBeGreaterThan(900);
    const spike = next(calm, everywhere({ a: cell(300, 0.98, { complained: 6 }), b: cell(10, 0.97) }));
    expect(weightOf(spike, 'a')).toBeLessThan(100);
  });

  it('does not take one complaint for a spike', () => {
    const calm = afterBatches(6, { a: cell(300, 0.98), b: cell(300, 0.95) });
    const news = { a: { gmail: cell(300, 0.98, { complained: 1 }) }, b: { gmail: cell(10, 0.95) } };
    expect(weightOf(next(calm, news), 'a')).toBeGreaterThan(800);
  });

  it('keeps an ESP’s fall at one mailbox provider to that provider', () => {
    const calm = afterBatches(6, { a: cell(1_000, 0.98), b: cell(1_000, 0.96) });
    const news = everywhere({ a: cell(300, 0.98), b: cell(10, 1) });
    const fallen = next(calm, { ...news, a: { ...news['a'], gmail: cell(300, 0.6) } });
    expect(weightOf(fallen, 'a', 'gmail')).toBeLessThan(50);
    expect(weightOf(fallen, 'a', 'outlook')).toBeGreaterThan(900);
    expect(weightOf(fallen, 'a', 'other')).toBeGreaterThan(900);
  });

  it('takes the share of an ESP that fell within one decision', () => {
    const calm = afterBatches(20, { a: cell(3_000, 0.98), b: cell(3_000, 0.96) });
    expect(weightOf(calm, 'a')).toBeGreaterThan(900);
    expect(weightOf(next(calm, everywhere({ a: cell(300, 0.6), b: cell(5, 1) })), 'a')).toBeLessThan(50);
  });

  it('notices a silent recovery by the few messages of the floor, within six decisions', () => {
    let known = afterBatches(8, { a: cell(1_000, 0.6), b: cell(1_000, 0.95) });
    expect(weightOf(known, 'a')).toBe(5);
    let decisions = 0;
    while (weightOf(known, 'a') <= 500 && decisions < 50) {
      // A batch of 1,000 at each provider, split as decided.
      const of = (esp: string, rate: number): EspEvidence => cell(weightOf(known, esp), rate);
      known = next(known, everywhere({ a: of('a', 0.99), b: of('b', 0.95) }));
      decisions += 1;
    }
    expect(decisions).toBeLessThanOrEqual(6);
  });

  it('tries a new ESP beside good ones', () => {
    const known = afterBatches(6, { a: cell(1_000, 0.95), b: cell(1_000, 0.96) });
    expect(weightOf(next(known, {}, ['a', 'b', 'fresh']), 'fresh')).toBeGreaterThan(50);
  });

  it('lets an ESP that was never heard of stand as the typical one, and at the floor once others are known better', () => {
    const esps = ['a', 'b', 'smtp'];
    let known = decide(esps, []);
    for (let batch = 0; batch < 8; batch += 1) {
      const silent = { ...noEvidence, sent: weightOf(known, 'smtp') };
      known = next(known, everywhere({ a: cell(500, 0.99), b: cell(500, 0.96), smtp: silent }), esps);
      const [good, poor] = [scoreOf(known, 'a'), scoreOf(known, 'b')];
      expect(scoreOf(known, 'smtp')).toBeLessThan(good);
      expect(scoreOf(known, 'smtp')).toBeGreaterThan(poor);
    }
    expect(weightOf(known, 'smtp')).toBeLessThanOrEqual(6);
    expect(weightOf(known, 'a')).toBeGreaterThan(900);
  });

  it('never takes opens for a merit, and never for more than a tie-breaker’s fault', () => {
    const opens = fc.double({ min: 0, max: 1, noNaN: true });
    const rate = fc.double({ min: 0.5, max: 1, noNaN: true });
    const size = fc.integer({ min: 1, max: 5_000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(size, rate, opens), { minLength: 2, maxLength: 4 }), (rows) => {
        const esps = rows.map((_, index) => `esp${index}`);
        const of = (withOpens: boolean): Weighed => {
          const cells = rows.map(([settled, delivered, opened], index): [string, EspEvidence] => {
            const one = cell(settled, delivered);
            return [`esp${index}`, { ...one, opened: withOpens ? Math.floor(one.delivered * opened) : 0 }];
          });
          return decide(esps, [everywhere(Object.fromEntries(cells))]);
        };
        const [told, untold] = [of(true), of(false)];
        for (const esp of esps) {
          expect(scoreOf(told, esp)).toBeLessThanOrEqual(scoreOf(untold, esp) + 1e-12);
          expect(scoreOf(told, esp)).toBeGreaterThanOrEqual(scoreOf(untold, esp) - 0.003 - 1e-12);
        }
      }),
    );
  });

  it('prefers the one that is read, where two deliver alike', () => {
    const news = everywhere({ a: cell(4_000, 0.97, { opened: 1_200 }), b: cell(4_000, 0.97, { opened: 200 }) });
    const decided = decide(['a', 'b'], [news]);
    expect(weightOf(decided, 'a')).toBeGreaterThan(weightOf(decided, 'b'));
  });

  it('takes a delivery to a catch-all for half of one', () => {
    const learned = (one: EspEvidence): unknown => decide(['a'], [{ a: { gmail: one } }]).memory?.['a']?.cells['gmail'];
    expect(learned(cell(1_000, 0.9, { catchAll: 400 }))).toEqual(learned(cell(800, 700 / 800)));
  });

  it('counts a month that is past for at most 300 messages a cell', () => {
    const { memory } = decide(['a', 'b'], [], { past: everywhere({ a: cell(200_000, 0.9), b: cell(100, 0.9) }) });
    expect(memory?.['a']?.cells['gmail']?.older).toMatchObject({ settled: 300, delivered: 270 });
    expect(memory?.['b']?.cells['gmail']?.older).toMatchObject({ settled: 100, delivered: 90 });
    // So that today's news are stronger than a month of the contrary.
    const past = everywhere({ a: cell(200_000, 0.98), b: cell(200_000, 0.9) });
    const hours = Array<Evidence>(3).fill(everywhere({ a: cell(300, 0.7), b: cell(300, 0.9) }));
    expect(weightOf(decide(['a', 'b'], hours, { past }), 'a')).toBeLessThan(50);
  });

  it('is remembered by a batch without news', () => {
    let known = afterBatches(5, { a: cell(400, 0.98), b: cell(400, 0.95) });
    const before = known.weights;
    for (let batch = 0; batch < 20; batch += 1) known = next(known, {});
    for (const provider of someProviders) {
      expect(Math.abs(weightOf(known, 'a', provider) - (before[provider]?.['a'] ?? 0))).toBeLessThan(30);
    }
  });

  it('survives being stored as JSON: the next answer is the same', () => {
    fc.assert(
      fc.property(fc.array(anyEvidence, { minLength: 1, maxLength: 4 }), anyEvidence, (pieces, news) => {
        const { memory } = decide(someEsps, pieces);
        const stored = JSON.parse(JSON.stringify(memory)) as Memory;
        expect(decide(someEsps, [news], { memory: stored })).toEqual(decide(someEsps, [news], { memory }));
      }),
      { numRuns: 30 },
    );
  });

  it('leaves every ESP that may have mail at least half a percent of each provider’s', () => {
    const many = Array.from({ length: 12 }, (_, index) => `esp${index}`);
    const rows = fc.array(fc.tuple(fc.nat({ max: 3_000 }), fc.double({ min: 0.3, max: 1, noNaN: true })), {
      minLength: 12,
      maxLength: 12,
    });
    fc.assert(
      fc.property(rows, fc.integer({ min: 2, max: 12 }), (cells, count) => {
        const esps = many.slice(0, count);
        const byEsp = esps.map((esp, index) => [esp, cell(cells[index]?.[0] ?? 0, cells[index]?.[1] ?? 0)] as const);
        const { weights } = decide(esps, [everywhere(Object.fromEntries(byEsp))]);
        for (const row of Object.values(weights)) expect(Math.min(...Object.values(row))).toBeGreaterThanOrEqual(5);
      }),
      { numRuns: 60 },
    );
  });

  it('belongs to the ESPs and not to their order', () => {
    fc.assert(
      fc.property(anyEvidence, (news) => {
        const forth = decide(someEsps, [news]).weights['gmail'] ?? {};
        const back = decide([...someEsps].reverse(), [news]).weights['gmail'] ?? {};
        for (const esp of someEsps) expect(Math.abs((forth[esp] ?? 0) - (back[esp] ?? 0))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 30 },
    );
  });
});
