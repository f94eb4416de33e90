import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { splitRecipients, wholeRequest } from '../../../shared/domain/split-recipients.ts';
import type { RequestPart } from '../../../shared/contracts/email.ts';
import { planRequest } from '../../../shared/domain/plan-request.ts';
import { weightsOf } from '../../../shared/domain/apportion.ts';
import { mailboxProviders, type MailboxProvider } from '../../../shared/domain/mailbox-provider.ts';
import type { SplitPlan } from '../../../shared/domain/plan-split.ts';

const esps = ['postmark', 'sendgrid', 'ses', 'smtp', 'socketlabs', 'sparkpost'];
const countOf = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};
const withZeros = (counts: Readonly<Record<string, number>>, names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, counts[name] ?? 0]));

const weights = fc
  .dictionary(fc.constantFrom(...esps), fc.nat({ max: 1_000 }), { minKeys: 1, noNullPrototype: true })
  .map(weightsOf);
const byProvider = fc.array(weights, { minLength: mailboxProviders.length, maxLength: mailboxProviders.length });
const recipients = fc.array(fc.constantFrom(...mailboxProviders), { minLength: 1, maxLength: 400 });
/** Recipients, and a plan for them by weights of each provider's own. */
const planned = fc.tuple(recipients, byProvider).map(([all, rows]) => {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const own = Object.fromEntries(
    mailboxProviders.map((provider, index) => [provider, { ...withZeros({}, names), ...rows[index] }]),
  );
  return { all, plan: planRequest(own, countOf(all)) };
});
const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 6 });

interface Piece {
  readonly part: RequestPart;
  readonly providers: readonly MailboxProvider[];
}

/** Cuts a request's recipients as the door does: each part knows the totals and where its own begin. */
const cutInParts = (all: readonly MailboxProvider[], at: readonly number[]): Piece[] => {
  const edges = [...new Set([0, ...at.filter((place) => place > 0 && place < all.length), all.length])].sort(
    (a, b) => a - b,
  );
  const totals = countOf(all);
  return edges.slice(0, -1).map((first, number) => {
    const before = countOf(all.slice(0, first));
    const providers = Object.fromEntries(
      Object.entries(totals).map(([provider, total]) => [provider, { total, first: before[provider] ?? 0 }]),
    );
    const part = { number, of: edges.length - 1, total: all.length, first, providers };
    return { part, providers: all.slice(first, edges[number + 1]) };
  });
};
describe('The split of a request', () => {
  it('is exactly its plan, at each mailbox provider, however it was cut into parts', () => {
    fc.assert(
      fc.property(planned, fc.string(), cuts, ({ all, plan }, id, at) => {
        const split = cutInParts(all, at).flatMap(({ part, providers }) =>
          splitRecipients(plan.plan, id, part, providers),
        );
        expect(split).toHaveLength(all.length);
        expect(withZeros(countOf(split), Object.keys(plan.weights))).toEqual(plan.split);
        for (const provider of new Set(all)) {
          const own = split.filter((_, index) => all[index] === provider);
          expect(withZeros(countOf(own), Object.keys(plan.weights))).toEqual(plan.plan[provider]);
        }
      }),
    );
  });

  it('gives each recipient the same ESP in whatever parts and order they are handled', () => {
    fc.assert(
      fc.property(planned, fc.string(), cuts, cuts, ({ all, plan }, id, at, other) => {
        const split = (pieces: readonly Piece[]): string[] => {
          const esps: string[] = [];
          for (const { part, providers } of pieces) {
            splitRecipients(plan.plan, id, part, providers).forEach((esp, index) => {
              esps[part.first + index] = esp;
            });
          }
          return esps;
        };
        const whole = splitRecipients(plan.plan, id, wholeRequest(all), all);
        expect(split(cutInParts(all, at))).toEqual(whole);
        expect(split(cutInParts(all, other).reverse())).toEqual(whole);
      }),
    );
  });

  const halves = (provider: MailboxProvider, count: number): SplitPlan => ({
    [provider]: { a: count / 2, b: count / 2 },
  });

  it('does not let the order of an address list meet one ESP', () => {
    const all = Array<MailboxProvider>(10_000).fill('gmail');
    const split = splitRecipients(halves('gmail', 10_000), 'req_alphabet', wholeRequest(all), all);
    const firstHalf = countOf(split.slice(0, 5_000));
    expect(Math.abs((firstHalf['a'] ?? 0) - 2_500)).toBeLessThan(250);
  });

  it('is another for another request', () => {
    const all = Array<MailboxProvider>(100).fill('other');
    const of = (id: string): string => splitRecipients(halves('other', 100), id, wholeRequest(all), all).join('');
    expect(of('req_1')).not.toBe(of('req_2'));
  });

  it('refuses a part that counts its recipients wrongly rather than losing one', () => {
    const part = wholeRequest(['gmail']);
    const plan: SplitPlan = { gmail: { a: 1 } };
    expect(splitRecipients(plan, 'req_1', part, ['gmail'])).toEqual(['a']);
    expect(() => splitRecipients(plan, 'req_1', part, ['gmail', 'gmail'])).toThrow(RangeError);
    expect(() => splitRecipients(plan, 'req_1', part, ['gmail', 'yahoo'])).toThrow(RangeError);
  });
});
