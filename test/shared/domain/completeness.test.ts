import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { balanceOf, isBalanced, unevenness } from '../../../shared/domain/completeness.ts';
import { messageStates } from '../../../shared/domain/message-state.ts';

describe('A request adds up', () => {
  const whole = { total: 3, rows: 3, lastPosition: 2, split: { alpha: 2, beta: 1 } };

  it('with one row a recipient and a plan over all of them', () => {
    expect(unevenness(whole)).toBeUndefined();
    expect(unevenness({ ...whole, split: null })).toBeUndefined();
  });

  it.each([
    [{ rows: 2, lastPosition: 2 }, 'It has 2 messages for 3 recipients.'],
    [{ rows: 0, lastPosition: -1 }, 'It has 0 messages for 3 recipients.'],
    [{ rows: 4, lastPosition: 3 }, 'It has 4 messages for 3 recipients.'],
    [{ lastPosition: 3 }, 'It has a message for place 3 of 3 recipients.'],
    [{ split: { alpha: 2 } }, 'Its plan is for 2 of 3 recipients.'],
  ])('not with %j', (change, reason) => {
    expect(unevenness({ ...whole, ...change })).toBe(reason);
  });
});

describe('The balance of what was accepted', () => {
  it('adds up whatever states the rows are in, and however many are missing', () => {
    const counts = fc.dictionary(fc.constantFrom(...messageStates), fc.nat(10_000));
    fc.assert(
      fc.property(counts, fc.nat(10_000), (rows, missing) => {
        const stored = Object.values(rows).reduce((sum, n) => sum + n, 0);
        const balance = balanceOf(stored + missing, rows);
        expect(isBalanced(balance)).toBe(true);
        expect(balance.pending).toBeGreaterThanOrEqual(missing);
      }),
    );
  });

  it('does not with more rows than recipients', () => {
    expect(isBalanced(balanceOf(2, { sent: 3 }))).toBe(false);
  });

  it('says by state what became of it', () => {
    const one = Object.fromEntries(messageStates.map((state) => [state, 1]));
    expect(balanceOf(13, one)).toEqual({ accepted: 13, sent: 5, suppressed: 1, failed: 1, cancelled: 1, pending: 5 });
  });
});
