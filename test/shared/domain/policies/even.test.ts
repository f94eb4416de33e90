import { expect, it } from '@jest/globals';
import { weighEsps } from '../../../../shared/domain/weigh-esps.ts';
import { cell, everywhere } from '../some-evidence.ts';

it('gives all alike, whatever happened, and what one may not have to the others', () => {
  const news = [everywhere({ good: cell(9_000, 1, { opened: 9_000 }), bad: cell(9_000, 0, { bounced: 9_000 }) })];
  const input = { esps: ['bad', 'good'], providers: ['gmail', 'other'], past: {}, news, seed: 1 };
  const even = { bad: 500, good: 500 };
  expect(weighEsps('even', input, {})).toMatchObject({ weights: { gmail: even, other: even }, memory: undefined });
  expect(weighEsps('even', input, { good: { kind: 'probe' } }).weights['gmail']).toEqual({ bad: 1_000, good: 0 });
  const ramped = weighEsps('even', input, { good: { kind: 'share', most: 0.1 } }).weights['gmail'];
  expect(ramped).toEqual({ bad: 900, good: 100 });
});
