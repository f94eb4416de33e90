import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { apportion, weightsOf } from '../../../shared/domain/apportion.ts';
import { planSplit, type SplitPlan } from '../../../shared/domain/plan-split.ts';
import type { ByCell } from '../../../shared/domain/policies/policy.ts';
import { averageWeights } from '../../../shared/domain/weigh-esps.ts';

const esps = ['a', 'b', 'c', 'd', 'e'];
const sum = (counts: Readonly<Record<string, number>> = {}): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);
const sumsByEsp = (plan: SplitPlan): Record<string, number> => {
  const sums: Record<string, number> = {};
  for (const row of Object.values(plan)) {
    for (const [esp, count] of Object.entries(row)) sums[esp] = (sums[esp] ?? 0) + count;
  }
  return sums;
};

/** Shares of which many are nothing at all, as when ESPs are sick or restricted. */
const weights = fc
  .array(fc.oneof(fc.constant(0), fc.nat({ max: 1_000 })), { minLength: esps.length, maxLength: esps.length })
  .map((shares) => weightsOf(Object.fromEntries(esps.map((esp, index) => [esp, shares[index] ?? 0]))));
const asked = fc
  .dictionary(
    fc.constantFrom('gmail', 'outlook', 'yahoo', 'other'),
    fc.tuple(fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 3_000 })), weights),
    { minKeys: 1, noNullPrototype: true },
  )
  .map((rows) => {
    const recipients = Object.fromEntries(Object.entries(rows).map(([provider, [count]]) => [provider, count]));
    const byProvider = Object.fromEntries(Object.entries(rows).map(([provider, [, own]]) => [provider, own]));
    return { recipients, byProvider, weights: averageWeights(byProvider, recipients) };
  });

/** How many can be placed so that no ESP gets mail of a provider with which it has no weight: the most that flows. */
const mostWithoutStrays = (
  recipients: Readonly<Record<string, number>>,
  byProvider: ByCell,
  wanted: Readonly<Record<string, number>>,
): number => {
  const providers = Object.keys(recipients);
  const flow = new Map(providers.map((provider) => [provider, new Map<string, number>()]));
  const left = { ...recipients };
  const room = { ...wanted };
  let placed = 0;
  for (;;) {
    // The shortest way to move one more: a provider with some left, over ESPs and providers, to an ESP with room.
    const from = new Map<string, readonly string[]>();
    const queue: (readonly string[])[] = providers.filter((one) => (left[one] ?? 0) > 0).map((one) => [one]);
    let found: readonly string[] | undefined;
    while (queue.length > 0 && found === undefined) {
      const way = queue.shift() ?? [];
      const provider = way.at(-1) ?? '';
      for (const esp of Object.keys(wanted)) {
        if (from.has(esp) || (byProvider[provider]?.[esp] ?? 0) === 0) continue;
        from.set(esp, way);
        if ((room[esp] ?? 0) > 0) {
          found = [...way, esp];
          break;
        }
        for (const other of providers) {
          if ((flow.get(other)?.get(esp) ?? 0) > 0 && !way.includes(other)) queue.push([...way, esp, other]);
        }
      }
    }
    if (found === undefined) return placed;
    const amounts = [left[found[0] ?? ''] ?? 0, room[found.at(-1) ?? ''] ?? 0];
    for (let at = 1; at + 1 < found.length; at += 2)
      amounts.push(flow.get(found[at + 1] ?? '')?.get(found[at] ?? '') ?? 0);
    const by = Math.min(...amounts);
    const move = (provider: string, esp: string, count: number): void => {
      flow.get(provider)?.set(esp, (flow.get(provider)?.get(esp) ?? 0) + count);
    };
    for (let at = 0; at + 1 < found.length; at += 2) {
      move(found[at] ?? '', found[at + 1] ?? '', by);
      const next = found[at + 2];
      if (next !== undefined) move(next, found[at + 1] ?? '', -by);
    }
    left[found[0] ?? ''] = (left[found[0] ?? ''] ?? 0) - by;
    room[found.at(-1) ?? ''] = (room[found.at(-1) ?? ''] ?? 0) - by;
    placed += by;
  }
};

describe('The plan of a request', () => {
  it('gives every ESP what largest remainder gives it of the whole, and every recipient an ESP', () => {
    fc.assert(
      fc.property(asked, ({ recipients, byProvider, weights }) => {
        const plan = planSplit(recipients, byProvider, weights);
        const total = sum(recipients);
        if (total > 0) expect(sumsByEsp(plan)).toEqual(apportion(total, weights));
        for (const [provider, count] of Object.entries(recipients)) expect(sum(plan[provider])).toBe(count);
        for (const row of Object.values(plan)) {
          for (const count of Object.values(row)) expect(count).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('keeps every provider near its own weights', () => {
    fc.assert(
      fc.property(asked, ({ recipients, byProvider, weights }) => {
        const plan = planSplit(recipients, byProvider, weights);
        // Weights of the whole are rounded to a thousandth each, which is that many of its recipients.
        const tolerance = 4 + (sum(recipients) / 1_000) * esps.length;
        for (const [provider, row] of Object.entries(plan)) {
          for (const [esp, count] of Object.entries(row)) {
            const exact = ((recipients[provider] ?? 0) * (byProvider[provider]?.[esp] ?? 0)) / 1_000;
            expect(Math.abs(count - exact)).toBeLessThanOrEqual(tolerance);
          }
        }
      }),
    );
  });

  it('hands no mail to an ESP that has no weight with its provider, unless there is no other way', () => {
    fc.assert(
      fc.property(asked, ({ recipients, byProvider, weights }) => {
        const plan = planSplit(recipients, byProvider, weights);
        let strays = 0;
        for (const [provider, row] of Object.entries(plan)) {
          for (const [esp, count] of Object.entries(row)) {
            if ((byProvider[provider]?.[esp] ?? 0) === 0) strays += count;
          }
        }
        const total = sum(recipients);
        const possible = total === 0 ? 0 : mostWithoutStrays(recipients, byProvider, apportion(total, weights));
        expect(strays).toBe(total - possible);
      }),
      { numRuns: 300 },
    );
  });

  it('of one provider is simply its weights', () => {
    expect(planSplit({ gmail: 10 }, { gmail: { a: 700, b: 300 } }, { a: 700, b: 300 })).toEqual({
      gmail: { a: 7, b: 3 },
    });
  });

  it('splits a provider without weights of its own by those of the whole', () => {
    expect(planSplit({ gmail: 4, other: 6 }, {}, { a: 500, b: 500 })).toEqual({
      gmail: { a: 2, b: 2 },
      other: { a: 3, b: 3 },
    });
  });

  it('lets the remainders of many providers add up', () => {
    // Each of them alone would round to a, and c would get nothing of 4.
    const own = { a: 600, b: 0, c: 400 };
    const byProvider = Object.fromEntries(['gmail', 'outlook', 'yahoo', 'other'].map((provider) => [provider, own]));
    const plan = planSplit({ gmail: 1, outlook: 1, yahoo: 1, other: 1 }, byProvider, own);
    expect(sumsByEsp(plan)).toEqual({ a: 2, b: 0, c: 2 });
  });

  it('of nobody is empty', () => {
    expect(planSplit({}, {}, { a: 1_000 })).toEqual({});
    expect(planSplit({ gmail: 0 }, {}, { a: 1_000 })).toEqual({});
  });
});
