import { describe, expect, it } from '@jest/globals';
import type { Allowance } from '../../../shared/domain/esp-health.ts';
import { noEvidence } from '../../../shared/domain/evidence.ts';
import { explainWeights } from '../../../shared/domain/explain-weights.ts';

type Decision = Parameters<typeof explainWeights>[0];
const cell = (settled: number, delivered: number) => ({ ...noEvidence, sent: settled, settled, delivered });
const decision: Decision = {
  window: '30d',
  policy: 'adaptive',
  weights: { a: 600, b: 400, c: 0 },
  scores: { gmail: { a: 0.9, b: 0.8, c: 0.7 }, yahoo: { a: 0.8, b: 0.9, c: 0.95 } },
  mix: { gmail: 200, yahoo: 100 },
  allowances: { a: { kind: 'any' }, b: { kind: 'any' }, c: { kind: 'any' } },
  cells: { a: { gmail: cell(200, 190) }, b: { yahoo: cell(100, 90) } },
};
const held = (c: Allowance, operated: readonly string[] = []): Decision => ({
  ...decision,
  allowances: { ...decision.allowances, c },
  operated,
});

describe('A decision in words', () => {
  it('names who leads, by what, and who is better where', () => {
    expect(explainWeights(decision)).toBe(
      'Outcomes of the last 30 days (300 messages): a leads with 95.0 % delivered, ahead of b with 90.0 %. Better there: c at yahoo.',
    );
  });

  it('says of an ESP without outcomes that there are none, since many relays never tell any', () => {
    const { a } = decision.cells;
    expect(explainWeights({ ...decision, cells: { a: a ?? {} } })).toContain(
      'ahead of b, of which no outcome is known.',
    );
    expect(explainWeights({ ...decision, cells: { b: a ?? {} } })).toContain(
      'a leads, of which no outcome is known, ahead of b with 95.0 %.',
    );
  });

  it.each([
    [1, 'Outcomes of the last day (300 messages)'],
    [7, 'Outcomes of the last 7 days (300 messages)'],
  ])('says how far back it looked: %d', (days, words) => {
    expect(explainWeights({ ...decision, days })).toContain(words);
  });

  it('says what came since the last batch, and that without news nothing is forgotten', () => {
    expect(explainWeights({ ...decision, window: 'since-last-batch' })).toContain('Outcomes since the last batch (300');
    expect(explainWeights({ ...decision, window: 'since-last-batch', cells: {} })).toContain(
      'none yet, so what was known',
    );
    expect(explainWeights({ ...decision, cells: {} })).toContain('none yet, so nobody is preferred');
  });

  it.each<[string, Decision]>([
    ['Unhealthy, probes only: c.', held({ kind: 'probe' })],
    ['Probes only, as an operator decided: c.', held({ kind: 'probe' }, ['c'])],
    ['Taken out by an operator: c.', held({ kind: 'none' }, ['c'])],
    ['Taken out by an operator: c.', held({ kind: 'drain' }, ['c'])],
  ])('says who is held back, and never that it would be better: %s', (words, held) => {
    expect(explainWeights(held)).toMatch(new RegExp(`ahead of b with 90.0 %. Better there: b at yahoo. ${words}$`));
  });

  it('says who is held to a part', () => {
    expect(explainWeights(held({ kind: 'share', most: 0.05 }))).toContain('Held to a part: c (5.0 %).');
  });
});
