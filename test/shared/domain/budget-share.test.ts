import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mailboxProviders } from '../../../shared/domain/mailbox-provider.ts';
import { averageWeights, weighEsps } from '../../../shared/domain/weigh-esps.ts';
import { budgetShare, leastShare, type BudgetsLeft } from '../../../shared/domain/budget-share.ts';

const at = (more: Partial<BudgetsLeft>): BudgetsLeft => ({
  ...{ perDay: null, perMonth: null, spentToday: 0, spentThisMonth: 0 },
  ...{ mailPerDay: 10_000, dayLeft: 1, monthLeftDays: 30 },
  ...more,
});

describe('The share that lets a quota last', () => {
  it.each<[string, Partial<BudgetsLeft>, number]>([
    ['no quota', {}, 1],
    ['a quota that is more than all mail', { perDay: 20_000 }, 1],
    ['a tenth of a day’s mail', { perDay: 1_000 }, 0.1],
    ['half of it spent at noon: as planned', { perDay: 1_000, spentToday: 500, dayLeft: 0.5 }, 0.1],
    ['spent too fast', { perDay: 1_000, spentToday: 900, dayLeft: 0.5 }, 0.02],
    ['hardly used by the evening', { perDay: 1_000, spentToday: 100, dayLeft: 0.1 }, 0.9],
    ['a spent day', { perDay: 1_000, spentToday: 1_000 }, 0],
    ['an overspent day', { perDay: 1_000, spentToday: 1_200 }, 0],
    ['a month, spread over its days', { perMonth: 30_000 }, 0.1],
    ['what is left of a month over its last days', { perMonth: 30_000, spentThisMonth: 20_000, monthLeftDays: 5 }, 0.2],
    ['a spent month on a fresh day', { perDay: 5_000, perMonth: 30_000, spentThisMonth: 30_000 }, 0],
    ['the month being the narrower', { perDay: 5_000, perMonth: 30_000 }, 0.1],
    ['the day being the narrower', { perDay: 500, perMonth: 300_000 }, 0.05],
    ['no mail to go by', { perDay: 10, mailPerDay: 0 }, 1],
    ['no mail to go by, and nothing left', { perDay: 10, spentToday: 10, mailPerDay: 0 }, 0],
  ])('%s', (_, more, expected) => {
    expect(budgetShare(at(more))).toBeCloseTo(expected, 9);
  });

  it('spends a quota to its end and no further, when the day brings the mail of the last one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50_000 }), fc.integer({ min: 1, max: 50_000 }), (perDay, mailPerDay) => {
        const steps = 96;
        let spentToday = 0;
        for (let step = 0; step < steps; step += 1) {
          const dayLeft = 1 - step / steps;
          spentToday += (budgetShare(at({ perDay, spentToday, mailPerDay, dayLeft })) * mailPerDay) / steps;
        }
        expect(spentToday).toBeCloseTo(Math.min(perDay, mailPerDay), 3);
      }),
    );
  });
});

describe('The least of shares', () => {
  it('is cut to whole thousandths, never rounded up', () => {
    expect(leastShare(1, 0.3, 1)).toBe(0.3);
    expect(leastShare(0.0339)).toBe(0.033);
    expect(leastShare(0.0004)).toBe(0);
    expect(leastShare()).toBe(1);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), (thousandths) => {
        expect(leastShare(thousandths / 1_000)).toBe(thousandths / 1_000);
      }),
    );
  });
});

describe('An ESP held to a share', () => {
  it('gets no more of any provider’s mail, nor of a request’s, however the others stand', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const others = fc.integer({ min: 1, max: 5 });
    const mix = fc.dictionary(fc.constantFrom(...mailboxProviders), fc.integer({ min: 0, max: 10_000 }));
    fc.assert(
      fc.property(share, others, mix, (given, count, recipients) => {
        const most = leastShare(given);
        const esps = ['ramping', ...Array.from({ length: count }, (_, n) => `esp${n}`)];
        const input = { esps, providers: mailboxProviders, past: {}, news: [], memory: undefined, seed: 1 };
        const { weights } = weighEsps('thompson', input, { ramping: { kind: 'share', most } });
        const limit = Math.round(most * 1_000);
        for (const byEsp of Object.values(weights)) expect(byEsp['ramping']).toBeLessThanOrEqual(limit);
        expect(averageWeights(weights, recipients)['ramping']).toBeLessThanOrEqual(limit);
      }),
    );
  });
});
