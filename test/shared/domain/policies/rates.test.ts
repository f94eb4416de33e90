import { describe, expect, it } from '@jest/globals';
import { noEvidence, type EspEvidence } from '../../../../shared/domain/evidence.ts';
import { weighEsps } from '../../../../shared/domain/weigh-esps.ts';
import { cell, everywhere } from '../some-evidence.ts';

const decide = (byEsp: Readonly<Record<string, EspEvidence>>, providers = ['gmail']) => {
  const news = [everywhere(byEsp, ['gmail'])];
  return weighEsps('rates', { esps: Object.keys(byEsp), providers, past: {}, news, seed: 1 }, {});
};
const weightsFrom = (byEsp: Readonly<Record<string, EspEvidence>>): Readonly<Record<string, number>> =>
  decide(byEsp).weights['gmail'] ?? {};
const scoresFrom = (byEsp: Readonly<Record<string, EspEvidence>>): Readonly<Record<string, number>> =>
  decide(byEsp).scores['gmail'] ?? {};

describe('The policy of rates', () => {
  const better = cell(5_000, 0.98, { opened: 2_000, bounced: 50 });

  it.each<[string, Partial<EspEvidence>]>([
    ['is opened less', { opened: 1_000 }],
    ['is delivered less', { delivered: 4_000 }],
    ['bounces more', { bounced: 900 }],
    ['is complained about', { complained: 500 }],
  ])('puts a history behind a like one when it %s', (_, change) => {
    const weights = weightsFrom({ better, worse: { ...better, ...change } });
    expect(weights['better']).toBeGreaterThan(weights['worse'] ?? 1_000);
  });

  it('gives an ESP without history its fair share: that of the typical one', () => {
    expect(weightsFrom({ a: noEvidence, b: noEvidence, c: noEvidence, d: noEvidence })).toEqual({
      a: 250,
      b: 250,
      c: 250,
      d: 250,
    });
    const good = cell(9_000, 0.99, { opened: 4_000 });
    const bad = cell(9_000, 0.66, { opened: 500, bounced: 3_000 });
    const weights = weightsFrom({ good, bad, fresh: noEvidence });
    expect(weights['fresh']).toBeGreaterThan(weights['bad'] ?? 1_000);
    expect(weights['fresh']).toBeLessThan(weights['good'] ?? 0);
  });

  it('takes the silence of an ESP for no evidence, not for bad delivery', () => {
    const scores = scoresFrom({ spoken: cell(9_000, 0.99, { opened: 3_000 }), silent: cell(9_000, 0) });
    expect(Math.abs((scores['spoken'] ?? 0) - (scores['silent'] ?? 1))).toBeLessThan(0.01);
  });

  it('is not moved by mail that is still under way', () => {
    const settled = cell(2_000, 0.97, { opened: 600 });
    expect(weightsFrom({ settled, inFlight: { ...settled, sent: 50_000 } })).toEqual({ inFlight: 500, settled: 500 });
  });

  it('lets a handful of lucky opens decide nothing', () => {
    expect(weightsFrom({ lucky: cell(5, 1, { opened: 5 }), other: noEvidence })['lucky']).toBeLessThan(530);
  });

  it('has the factors of the seed: 0.5 open + 0.2 delivered − 0.3 bounce − 0.2 complaint', () => {
    const huge = 100_000_000;
    const all = cell(huge, 0.5, { opened: huge / 4, bounced: huge / 8, complained: huge / 16 });
    expect(scoresFrom({ all })['all']).toBeCloseTo(0.5 / 4 + 0.2 / 2 - 0.3 / 8 - 0.2 / 16, 4);
  });

  it('never scores below 0, and shares evenly where every score is 0', () => {
    const dreadful = cell(90_000, 0, { bounced: 90_000, complained: 90_000 });
    expect(scoresFrom({ a: dreadful, b: dreadful })).toEqual({ a: 0, b: 0 });
    expect(weightsFrom({ a: dreadful, b: dreadful })).toEqual({ a: 500, b: 500 });
  });

  it('tells no mailbox providers apart, and remembers nothing', () => {
    const { weights, memory } = decide({ better, worse: { ...better, delivered: 3_000 } }, ['gmail', 'outlook']);
    expect(weights['outlook']).toEqual(weights['gmail']);
    expect(memory).toBeUndefined();
  });
});
