import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  evidenceSince,
  noEvidence,
  weighEsps,
  weightPolicies,
  type EspEvidence,
} from '../../../shared/domain/weigh-esps.ts';

const names = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses', 'smtp'];
const nobody: ReadonlySet<string> = new Set();

const evidence: fc.Arbitrary<EspEvidence> = fc
  .record({
    sent: fc.nat({ max: 100_000 }),
    shares: fc.array(fc.double({ min: 0, max: 1.2, noNaN: true }), { minLength: 6, maxLength: 6 }),
  })
  .map(({ sent, shares }) => {
    const part = (index: number): number => Math.floor(sent * (shares[index] ?? 0));
    return {
      sent,
      settled: Math.min(sent, part(0)),
      delivered: part(1),
      opened: part(2),
      clicked: part(3),
      bounced: part(4),
      complained: part(5),
    };
  });
const histories = fc.dictionary(fc.constantFrom(...names), evidence, { minKeys: 1, noNullPrototype: true });
const known = (more: Partial<EspEvidence>): EspEvidence => ({ ...noEvidence, ...more });
const weightsIn = (rows: readonly { readonly esp: string; readonly weight: number }[]): Record<string, number> =>
  Object.fromEntries(rows.map((row) => [row.esp, row.weight]));

describe('The weights of the ESPs', () => {
  it('sum to exactly 1000, whatever the history and whoever is sick', () => {
    fc.assert(
      fc.property(fc.constantFrom(...weightPolicies), histories, fc.subarray(names), (policy, history, sick) => {
        const rows = weighEsps(policy, history, new Set(sick));
        expect(rows.map((row) => row.esp)).toEqual(Object.keys(history).sort());
        expect(rows.reduce((sum, row) => sum + row.weight, 0)).toBe(1_000);
        for (const row of rows) {
          expect(row.weight).toBeGreaterThanOrEqual(0);
          expect(row.score).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('leave each sick ESP exactly 1 of 1000 unless all are sick', () => {
    fc.assert(
      fc.property(fc.constantFrom(...weightPolicies), histories, fc.subarray(names), (policy, history, sick) => {
        const sickOnes = Object.keys(history).filter((esp) => sick.includes(esp));
        const weights = weightsIn(weighEsps(policy, history, new Set(sick)));
        if (sickOnes.length < Object.keys(history).length) {
          for (const esp of sickOnes) expect(weights[esp]).toBe(1);
        } else {
          expect(weights).toEqual(weightsIn(weighEsps(policy, history, nobody)));
        }
      }),
    );
  });

  it('put a better history before a worse one of the same size', () => {
    const better = known({ sent: 5_000, settled: 5_000, delivered: 4_900, opened: 2_000, bounced: 50 });
    for (const worse of [
      { ...better, opened: 1_000 },
      { ...better, delivered: 4_000 },
      { ...better, bounced: 900 },
      { ...better, complained: 500 },
    ]) {
      const weights = weightsIn(weighEsps('rates', { better, worse }, nobody));
      expect(weights['better']).toBeGreaterThan(weights['worse'] ?? 1_000);
    }
  });

  it('give an ESP without history its fair share: that of the typical one', () => {
    expect(
      weightsIn(weighEsps('rates', { a: noEvidence, b: noEvidence, c: noEvidence, d: noEvidence }, nobody)),
    ).toEqual({ a: 250, b: 250, c: 250, d: 250 });
    const good = known({ sent: 9_000, settled: 9_000, delivered: 8_900, opened: 4_000 });
    const bad = known({ sent: 9_000, settled: 9_000, delivered: 6_000, opened: 500, bounced: 3_000 });
    const weights = weightsIn(weighEsps('rates', { good, bad, fresh: noEvidence }, nobody));
    expect(weights['fresh']).toBeGreaterThan(weights['bad'] ?? 1_000);
    expect(weights['fresh']).toBeLessThan(weights['good'] ?? 0);
    expect(weights['fresh']).toBeGreaterThan(250);
  });

  it('take the silence of an ESP for no evidence, not for bad delivery', () => {
    const spoken = known({ sent: 9_000, settled: 9_000, delivered: 8_900, opened: 3_000 });
    const silent = known({ sent: 9_000, settled: 9_000 });
    const rows = weighEsps('rates', { spoken, silent }, nobody);
    expect(Math.abs((rows[0]?.score ?? 0) - (rows[1]?.score ?? 1))).toBeLessThan(0.01);
  });

  it('are not moved by mail that is still under way', () => {
    const settled = known({ sent: 2_000, settled: 2_000, delivered: 1_940, opened: 600 });
    const inFlight = { ...settled, sent: 50_000 };
    expect(weightsIn(weighEsps('rates', { settled, inFlight }, nobody))).toEqual({ inFlight: 500, settled: 500 });
  });

  it('let a handful of lucky opens decide nothing', () => {
    const lucky = known({ sent: 5, settled: 5, delivered: 5, opened: 5 });
    const weights = weightsIn(weighEsps('rates', { lucky, other: noEvidence }, nobody));
    expect(weights['lucky']).toBeLessThan(530);
  });

  it('use the factors of the seed: 0.5 open + 0.2 delivered − 0.3 bounce − 0.2 complaint', () => {
    const huge = 100_000_000;
    const all = known({ sent: huge, settled: huge, delivered: huge / 2, opened: huge / 4, bounced: huge / 8 });
    const [row] = weighEsps('rates', { all: { ...all, complained: huge / 16 } }, nobody);
    expect(row?.score).toBeCloseTo(0.5 / 4 + 0.2 / 2 - 0.3 / 8 - 0.2 / 16, 4);
  });

  it('never score below 0, and share evenly where every score is 0', () => {
    const dreadful = known({ sent: 90_000, settled: 90_000, bounced: 90_000, complained: 90_000 });
    const rows = weighEsps('rates', { a: dreadful, b: dreadful }, nobody);
    expect(rows.map((row) => row.score)).toEqual([0, 0]);
    expect(weightsIn(rows)).toEqual({ a: 500, b: 500 });
    const withSick = weightsIn(weighEsps('rates', { a: dreadful, b: dreadful, c: dreadful }, new Set(['c'])));
    expect(withSick).toEqual({ a: 500, b: 499, c: 1 });
  });

  it('are even by the policy `even`, whatever happened', () => {
    const good = known({ sent: 9_000, settled: 9_000, delivered: 9_000, opened: 9_000 });
    const bad = known({ sent: 9_000, settled: 9_000, bounced: 9_000 });
    expect(weightsIn(weighEsps('even', { good, bad }, nobody))).toEqual({ bad: 500, good: 500 });
    expect(weightsIn(weighEsps('even', { good, bad }, new Set(['good'])))).toEqual({ bad: 999, good: 1 });
  });
});

describe('evidenceSince', () => {
  it('is what was added, so that the parts add up to the whole', () => {
    fc.assert(
      fc.property(evidence, evidence, (before, grown) => {
        const names = Object.keys(noEvidence) as (keyof EspEvidence)[];
        const now = Object.fromEntries(
          names.map((name) => [name, before[name] + grown[name]]),
        ) as unknown as EspEvidence;
        expect(evidenceSince(now, before)).toEqual(grown);
      }),
    );
  });

  it('is never negative, even where a total shrank', () => {
    const before = known({ sent: 10, delivered: 8, opened: 1 });
    expect(evidenceSince(known({ sent: 12, delivered: 7 }), before)).toEqual(known({ sent: 2 }));
  });
});
