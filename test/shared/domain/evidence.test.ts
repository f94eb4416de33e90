import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  addEvidence,
  evidenceBetween,
  evidenceSince,
  mergeEvidence,
  noEvidence,
  ofAllProviders,
  subtractEvidence,
  type EspEvidence,
} from '../../../shared/domain/evidence.ts';
import { anyCell, anyEvidence, cell } from './some-evidence.ts';

describe('Evidence', () => {
  it('is added and taken off again, field by field', () => {
    fc.assert(
      fc.property(anyCell, anyCell, (a, b) => {
        const sum = addEvidence(a, b);
        for (const field of Object.keys(noEvidence) as (keyof EspEvidence)[])
          expect(sum[field]).toBe(a[field] + b[field]);
        expect(subtractEvidence(sum, b)).toEqual(a);
        expect(evidenceSince(sum, b)).toEqual(a);
        expect(addEvidence(a, noEvidence)).toEqual(a);
      }),
    );
  });

  it('that became known is never negative, even where a total shrank', () => {
    const before = cell(10, 0.8, { opened: 1 });
    expect(evidenceSince({ ...before, settled: 12, delivered: 7 }, before)).toEqual({ ...noEvidence, settled: 2 });
  });

  it('of two pieces is merged cell by cell, in any order, and taken apart again', () => {
    fc.assert(
      fc.property(anyEvidence, anyEvidence, (a, b) => {
        const merged = mergeEvidence(a, b);
        expect(merged).toEqual(mergeEvidence(b, a));
        const added = evidenceBetween(merged, a);
        for (const esp of Object.keys(merged)) {
          expect(ofAllProviders(merged[esp])).toEqual(addEvidence(ofAllProviders(a[esp]), ofAllProviders(b[esp])));
          for (const provider of Object.keys(merged[esp] ?? {})) {
            expect(added[esp]?.[provider]).toEqual(b[esp]?.[provider] ?? noEvidence);
          }
        }
      }),
    );
  });

  it('of an ESP that nobody used is none', () => {
    expect(ofAllProviders(undefined)).toEqual(noEvidence);
    expect(ofAllProviders({})).toEqual(noEvidence);
    expect(evidenceBetween({}, { ses: { gmail: cell(5, 1) } })).toEqual({});
  });

  it('is left as it was by merging', () => {
    const a = { ses: { gmail: cell(5, 1) } };
    mergeEvidence(a, { ses: { gmail: cell(7, 1), other: cell(1, 1) } });
    expect(a).toEqual({ ses: { gmail: cell(5, 1) } });
  });
});
