import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cycleOf, splitRecipients, wholeRequest } from '../../../consumers/email-send/split-recipients.ts';
import type { RequestPart } from '../../../shared/contracts/email.ts';
import { apportion, weightsOf } from '../../../shared/domain/apportion.ts';
import { mailboxProviders, type MailboxProvider } from '../../../shared/domain/mailbox-provider.ts';

const esps = ['postmark', 'sendgrid', 'ses', 'smtp', 'socketlabs', 'sparkpost'];
const weights = fc
  .dictionary(fc.constantFrom(...esps), fc.nat({ max: 1_000 }), { minKeys: 1, noNullPrototype: true })
  .map(weightsOf);
const recipients = fc.array(fc.constantFrom(...mailboxProviders), { minLength: 1, maxLength: 400 });
const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 6 });

const countOf = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};

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
const withZeros = (counts: Readonly<Record<string, number>>, names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, counts[name] ?? 0]));

describe('The split of a request', () => {
  it('is exactly the apportioned one, however it was cut into parts', () => {
    fc.assert(
      fc.property(weights, fc.string(), recipients, cuts, (shares, id, all, at) => {
        const split = cutInParts(all, at).flatMap(({ part, providers }) =>
          splitRecipients(shares, id, part, providers),
        );
        expect(split).toHaveLength(all.length);
        expect(withZeros(countOf(split), Object.keys(shares))).toEqual(apportion(all.length, shares));
      }),
    );
  });

  it('gives each recipient the same ESP in whatever parts and order they are handled', () => {
    fc.assert(
      fc.property(weights, fc.string(), recipients, cuts, cuts, (shares, id, all, at, other) => {
        const split = (pieces: readonly Piece[]): string[] => {
          const esps: string[] = [];
          for (const { part, providers } of pieces) {
            splitRecipients(shares, id, part, providers).forEach((esp, index) => {
              esps[part.first + index] = esp;
            });
          }
          return esps;
        };
        const whole = splitRecipients(shares, id, wholeRequest(all), all);
        expect(split(cutInParts(all, at))).toEqual(whole);
        expect(split(cutInParts(all, other).reverse())).toEqual(whole);
      }),
    );
  });

  it('gives each mailbox provider each ESP within two of its share', () => {
    fc.assert(
      fc.property(weights, fc.string(), recipients, (shares, id, all) => {
        const split = splitRecipients(shares, id, wholeRequest(all), all);
        for (const provider of mailboxProviders) {
          const own = split.filter((_, index) => all[index] === provider);
          const counts = countOf(own);
          for (const [esp, weight] of Object.entries(apportion(all.length, shares))) {
            expect(Math.abs((counts[esp] ?? 0) - (own.length * weight) / all.length)).toBeLessThan(2);
          }
        }
      }),
    );
  });

  it('does not let the order of an address list meet one ESP', () => {
    const all = Array<MailboxProvider>(10_000).fill('gmail');
    const split = splitRecipients({ a: 500, b: 500 }, 'req_alphabet', wholeRequest(all), all);
    const firstHalf = countOf(split.slice(0, 5_000));
    expect(Math.abs((firstHalf['a'] ?? 0) - 2_500)).toBeLessThan(250);
  });

  it('is another for another request', () => {
    const all = Array<MailboxProvider>(100).fill('other');
    const of = (id: string): string => splitRecipients({ a: 500, b: 500 }, id, wholeRequest(all), all).join('');
    expect(of('req_1')).not.toBe(of('req_2'));
  });

  it('refuses a part that counts its recipients wrongly rather than losing one', () => {
    const part = wholeRequest(['gmail']);
    expect(() => splitRecipients({ a: 1_000 }, 'req_1', part, ['gmail', 'gmail', 'yahoo'])).toThrow(RangeError);
  });
});

describe('The cycle of requests of one recipient', () => {
  it('is 1000 long and follows the weights exactly', () => {
    fc.assert(
      fc.property(weights, (shares) => {
        const cycle = cycleOf(shares);
        expect(cycle).toHaveLength(1_000);
        expect(withZeros(countOf(cycle), Object.keys(shares))).toEqual(shares);
      }),
    );
  });

  it('is mixed, so that few requests in a row are shared out too', () => {
    expect(countOf(cycleOf({ a: 500, b: 300, c: 200 }).slice(0, 10))).toEqual({ a: 5, b: 3, c: 2 });
  });
});
