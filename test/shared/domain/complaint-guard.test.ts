import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { judgeComplaints } from '../../../shared/domain/complaint-guard.ts';

const of = (delivered: number, complained: number) =>
  judgeComplaints({ senderDomain: 'acme.example', mailboxProvider: 'gmail', delivered, complained });

describe('The complaint guard', () => {
  it.each([
    [0, 0, 'none', null],
    [999, 999, 'none', null],
    [1_000, 0, 'none', null],
    [1_000, 1, 'slow', 600],
    [10_000, 9, 'none', null],
    [10_000, 10, 'slow', 600],
    [10_000, 29, 'slow', 600],
    [10_000, 30, 'hold-back', 60],
    [1_000, 3, 'hold-back', 60],
    [1_000, 1_000, 'hold-back', 60],
  ])('makes of %i delivered and %i complaints: %s, %p a minute', (delivered, complained, state, perMinute) => {
    expect(of(delivered, complained)).toMatchObject({ state, perMinute });
  });

  it.each([
    [10_000, 34, "slowed: 0.34 % of acme.example's mail to gmail is complained about (limit 0.30 %)"],
    [10_000, 10, "slowed: 0.10 % of acme.example's mail to gmail is complained about (limit 0.10 %)"],
    [10_000, 2, "0.02 % of acme.example's mail to gmail is complained about"],
    [100, 1, "too little mail to judge: 1.00 % of acme.example's mail to gmail is complained about"],
  ])('says so of %i delivered and %i complaints', (delivered, complained, sentence) => {
    expect(of(delivered, complained).sentence).toBe(sentence);
  });

  it('never slows less for one complaint more', () => {
    const rank = { none: 0, slow: 1, 'hold-back': 2 };
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(1_000), (delivered, complained) => {
        expect(rank[of(delivered, complained + 1).state]).toBeGreaterThanOrEqual(rank[of(delivered, complained).state]);
      }),
    );
  });
});
