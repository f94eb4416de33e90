import { describe, expect, it } from '@jest/globals';
import type { EspEvidence } from '../../../../shared/domain/evidence.ts';
import type { Memory } from '../../../../shared/domain/policies/policy.ts';
import { weighEsps } from '../../../../shared/domain/weigh-esps.ts';
import { cell, everywhere, someProviders } from '../some-evidence.ts';

const decide = (byEsp: Readonly<Record<string, EspEvidence>>, seed: number, memory?: Memory) =>
  weighEsps(
    'thompson',
    { esps: ['a', 'b'], providers: someProviders, past: {}, news: [everywhere(byEsp)], memory, seed },
    {},
  );

describe('Thompson sampling', () => {
  it('throws the same dice for the same seed, and others for another', () => {
    const known = { a: cell(100, 0.96), b: cell(100, 0.95) };
    expect(decide(known, 7).weights).toEqual(decide(known, 7).weights);
    expect(decide(known, 7).weights).not.toEqual(decide(known, 8).weights);
  });

  it('gives the better ESP more, the more evidence there is', () => {
    const shares = [20, 200, 2_000, 20_000].map(
      (settled) => decide({ a: cell(settled, 0.97), b: cell(settled, 0.95) }, 1).weights['gmail']?.['a'] ?? 0,
    );
    expect(shares).toEqual([...shares].sort((x, y) => x - y));
    expect(shares[0]).toBeLessThan(750);
    expect(shares.at(-1)).toBe(1_000);
  });

  it('pays five deliveries for a complaint', () => {
    const { scores } = decide({ a: cell(50_000, 0.97, { complained: 500 }), b: cell(50_000, 0.97) }, 1);
    // 500 at each of three providers, leaning on 2,000 deliveries without one.
    const rate = 1_500 / (3 * 48_500 + 2_000);
    expect((scores['gmail']?.['b'] ?? 0) - (scores['gmail']?.['a'] ?? 0)).toBeCloseTo(5 * rate, 6);
  });

  it('remembers, and fades what it remembers', () => {
    const first = decide({ a: cell(1_000, 0.5), b: cell(1_000, 1) }, 1);
    const second = decide({}, 1, first.memory);
    expect(second.memory?.['a']?.cells['gmail']?.recent).toEqual({ settled: 970, delivered: 485, opened: 0 });
    expect(second.weights['gmail']).toEqual({ a: 0, b: 1_000 });
    const stored = JSON.parse(JSON.stringify(first.memory)) as Memory;
    expect(decide({}, 1, stored)).toEqual({ ...second, memory: second.memory });
  });
});
