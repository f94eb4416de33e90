import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { scenario, type Scenario } from '../../../bench/lab/scenario.ts';
import { simulate } from '../../../bench/lab/simulate.ts';
import { mergeEvidence, ofAllProviders, type Evidence } from '../../../shared/domain/evidence.ts';
import { even } from '../../../shared/domain/policies/even.ts';
import type { Policy } from '../../../shared/domain/policies/policy.ts';
import { weightPolicies, type WeightPolicy } from '../../../shared/domain/weigh-esps.ts';

const rates = (delivered: number, more: Readonly<Record<string, number>> = {}) => ({
  ...{ delivered, bounced: 0.01, complained: 0.0005, opened: 0.3 },
  ...more,
});
const perfect = { default: { delivered: 1 } };
const given = (esps: object, more: object = {}): Scenario =>
  scenario.parse({
    ...{ mailboxProviders: { gmail: 0.5, other: 0.5 }, batches: 30, batchSize: 500 },
    ...{ intervalMinutes: 10, eventDelayMinutes: 5, esps },
    ...more,
  });
const three = { a: { default: rates(0.98) }, b: { default: rates(0.95) }, c: { default: rates(0.9) } };

describe('A run of the routing lab', () => {
  const falling = given(three, {
    batches: 10,
    changes: [
      { atBatch: 4, esp: 'a', outage: true },
      { atBatch: 7, esp: 'a', outage: false },
    ],
  });

  it.each(weightPolicies)('prints the same line for the same seed, and weights that sum to 1000: %s', (policy) => {
    const run = simulate(falling, policy, 7);
    expect(JSON.stringify(simulate(falling, policy, 7))).toBe(JSON.stringify(run));
    expect(simulate(falling, policy, 8)).not.toEqual(run);
    expect(run).toMatchObject({ policy, sent: 5_000, reward: run.delivered - 5 * run.complained });
    expect(run.ratio).toBeCloseTo(run.reward / run.oracle, 6);
    expect(run.weights.map(([minute]) => minute)).toEqual(Array.from({ length: 10 }, (_, batch) => batch * 10));
    for (const [, weights] of run.weights) {
      expect(Object.keys(weights)).toEqual(['a', 'b', 'c']);
      expect(Object.values(weights).reduce((sum, weight) => sum + weight, 0)).toBe(1_000);
    }
  });

  it('earns with `even` what the rates promise, at each mailbox provider', () => {
    const esps = {
      a: { default: rates(0.9, { complained: 0.01 }), gmail: { delivered: 0.7 } },
      b: { default: rates(0.8, { complained: 0.02 }) },
    };
    const run = simulate(
      given(esps, { mailboxProviders: { gmail: 3, other: 1 }, batches: 50, batchSize: 1_000 }),
      'even',
      3,
    );
    // Half of each provider's mail through each ESP; complaints are shares of what was accepted.
    const delivered = 0.75 * ((0.7 + 0.8) / 2) + 0.25 * ((0.9 + 0.8) / 2);
    const complained = (0.01 + 0.02) / 2;
    // Deviations of 50,000 draws are 0.0019 and 0.0006; four of them leave one run in 16,000 out, and the seed is fixed.
    expect(Math.abs(run.delivered / run.sent - delivered)).toBeLessThan(0.008);
    expect(Math.abs(run.complained / run.sent - complained)).toBeLessThan(0.0025);
    const best = 0.75 * (0.8 - 0.1) + 0.25 * (0.9 - 0.05);
    expect(Math.abs(run.oracle / run.sent - best)).toBeLessThan(0.02);
  });

  it('is perfect with one perfect ESP', () => {
    for (const policy of weightPolicies) {
      expect(simulate(given({ only: perfect }, { batches: 5 }), policy, 1)).toMatchObject({
        sent: 2_500,
        delivered: 2_500,
        complained: 0,
        ratio: 1,
      });
    }
  });

  it('earns nothing while no ESP works, and the oracle neither', () => {
    const changes = ['a', 'b'].map((esp) => ({ atBatch: 0, esp, outage: true }));
    const run = simulate(given({ a: perfect, b: perfect }, { batches: 5, changes }), 'adaptive', 1);
    expect(run).toMatchObject({ sent: 2_500, delivered: 0, reward: 0, oracle: 0, ratio: 0 });
  });

  it('lets a change hold from its batch on, and no earlier', () => {
    const run = (changes: readonly object[]) =>
      simulate(given({ only: perfect }, { batches: 8, batchSize: 100, changes }), 'even', 1);
    expect(run([{ atBatch: 5, esp: 'only', default: { delivered: 0 } }]).delivered).toBe(500);
    expect(
      run([
        { atBatch: 5, esp: 'only', gmail: { delivered: 0 } },
        { atBatch: 5, esp: 'only', other: { delivered: 0 } },
      ]).delivered,
    ).toBe(500);
    expect(
      run([
        { atBatch: 2, esp: 'only', outage: true },
        { atBatch: 3, esp: 'only', outage: false },
      ]).delivered,
    ).toBe(700);
    expect(run([{ atBatch: 8, esp: 'only', outage: true }]).delivered).toBe(800);
  });

  it('loses mail to outages only where no ESP takes it', () => {
    const outages = fc.array(
      fc.record({
        esp: fc.constantFrom('a', 'b', 'c'),
        from: fc.nat({ max: 11 }),
        for: fc.integer({ min: 1, max: 6 }),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(outages, fc.constantFrom<WeightPolicy>('adaptive', 'even'), fc.integer(), (all, policy, seed) => {
        const isOut = (esp: string, batch: number): boolean =>
          all.some((one) => one.esp === esp && one.from <= batch && batch < one.from + one.for);
        const changes = Array.from({ length: 12 }, (_, batch) =>
          ['a', 'b', 'c'].map((esp) => ({ atBatch: batch, esp, outage: isOut(esp, batch) })),
        ).flat();
        const asked = given({ a: perfect, b: perfect, c: perfect }, { batches: 12, batchSize: 20, changes });
        const dark = Array.from({ length: 12 }, (_, batch) => ['a', 'b', 'c'].every((esp) => isOut(esp, batch))).filter(
          Boolean,
        );
        expect(simulate(asked, policy, seed).delivered).toBe(20 * (12 - dark.length));
      }),
      { numRuns: 40 },
    );
  });

  it('shows a policy only what is settled: every message, whole, and none before its time', () => {
    const seen: Evidence[] = [];
    const watching: Policy = (input) => {
      seen.push(input.news.reduce(mergeEvidence, {}));
      return even(input);
    };
    const esps = { a: { default: { delivered: 0.7, bounced: 0.2 } }, b: { default: { delivered: 0.9, bounced: 0.1 } } };
    const { delivered } = simulate(given(esps, { batches: 12, batchSize: 1_000, eventDelayMinutes: 15 }), watching, 5);
    const settledIn = seen.map((piece) =>
      Object.values(piece).reduce((sum, one) => sum + ofAllProviders(one).settled, 0),
    );
    // 15 minutes are one and a half batches: the outcomes of a batch are there two batches later.
    expect(settledIn).toEqual([0, 0, ...Array<number>(10).fill(1_000)]);
    const all = seen.reduce(mergeEvidence, {});
    const [a, b] = [ofAllProviders(all['a']), ofAllProviders(all['b'])];
    expect([a.settled, b.settled]).toEqual([5_000, 5_000]);
    expect(b.delivered + b.bounced).toBe(b.settled);
    // A tenth of a's mail vanishes without a word; three deviations are 64.
    expect(Math.abs(a.settled - a.delivered - a.bounced - 500)).toBeLessThan(85);
    expect(delivered).toBeGreaterThan(a.delivered + b.delivered);
  });
});

describe('In the routing lab, `adaptive`', () => {
  it.each<[string, Scenario]>([
    ['steady ESPs', given(three)],
    [
      'ESPs that are each best somewhere',
      given({
        a: { default: rates(0.97), gmail: rates(0.85) },
        b: { default: rates(0.88), gmail: rates(0.97) },
        c: { default: rates(0.92) },
      }),
    ],
    ['a silent fall of the best', given(three, { changes: [{ atBatch: 12, esp: 'a', default: { delivered: 0.6 } }] })],
    [
      'an outage of the best',
      given(three, {
        changes: [
          { atBatch: 10, esp: 'a', outage: true },
          { atBatch: 18, esp: 'a', outage: false },
        ],
      }),
    ],
    [
      'a spike of complaints',
      given(
        { a: { default: rates(0.97) }, b: { default: rates(0.96) }, c: { default: rates(0.95) } },
        { changes: [{ atBatch: 10, esp: 'a', default: { complained: 0.03 } }] },
      ),
    ],
    [
      'a silent recovery',
      given(
        { a: { default: rates(0.7) }, b: { default: rates(0.92) }, c: { default: rates(0.9) } },
        { changes: [{ atBatch: 10, esp: 'a', default: { delivered: 0.99 } }] },
      ),
    ],
  ])('beats `even` and is never far below the best of all: %s', (_, asked) => {
    const ratioOf = (policy: WeightPolicy): number =>
      [1, 2, 3].reduce((sum, seed) => sum + simulate(asked, policy, seed).ratio / 3, 0);
    const adaptive = ratioOf('adaptive');
    const others = (['even', 'rates', 'thompson'] as const).map(ratioOf);
    expect(adaptive).toBeGreaterThan(others[0] ?? 1);
    expect(adaptive).toBeGreaterThanOrEqual(Math.max(...others) - 0.005);
  });
});
