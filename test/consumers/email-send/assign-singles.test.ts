import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { assignSingles, type Single } from '../../../consumers/email-send/assign-singles.ts';
import { weightsOf } from '../../../shared/domain/apportion.ts';

const esps = ['postmark', 'sendgrid', 'ses', 'smtp', 'sparkpost'];
type Carry = Parameters<typeof assignSingles>[1];

const weights = fc
  .array(fc.oneof(fc.constant(0), fc.nat({ max: 1_000 }), fc.nat({ max: 20 })), {
    minLength: esps.length,
    maxLength: esps.length,
  })
  .map((shares) => weightsOf(Object.fromEntries(esps.map((esp, index) => [esp, shares[index] ?? 0]))));
const providers = ['gmail', 'outlook', 'yahoo', 'other'];
/** Requests of one recipient, of providers that each have weights of their own, and where batches of them are cut. */
const stream = fc.record({
  weights: fc.array(weights, { minLength: providers.length, maxLength: providers.length }),
  asked: fc.array(fc.nat({ max: providers.length - 1 }), { minLength: 1, maxLength: 400 }),
  cuts: fc.array(fc.nat({ max: 400 }), { maxLength: 8 }),
});
const singlesOf = (asked: readonly number[], byProvider: readonly Record<string, number>[]): Single[] =>
  asked.map((index) => ({ provider: providers[index] ?? '', weights: byProvider[index] ?? {} }));

/** Assigns batch after batch, each with the carry that the one before left, as it comes back from the database. */
const inBatches = (
  singles: readonly Single[],
  cuts: readonly number[],
): { readonly esps: string[]; readonly carry: Carry } => {
  const edges = [0, ...cuts.map((cut) => Math.min(cut, singles.length)), singles.length].sort((a, b) => a - b);
  const assigned: string[] = [];
  let carry: Carry = {};
  for (const [index, edge] of edges.slice(1).entries()) {
    const batch = assignSingles(singles.slice(edges[index], edge), carry);
    assigned.push(...batch.esps);
    carry = JSON.parse(JSON.stringify(batch.carry)) as Carry;
  }
  return { esps: assigned, carry };
};

/** The furthest that any ESP ever was from what the weights up to there add up to. */
const furthest = (singles: readonly Single[], assigned: readonly string[]): number => {
  const owed: Record<string, number> = Object.fromEntries(esps.map((esp) => [esp, 0]));
  let most = 0;
  singles.forEach(({ weights: own }, index) => {
    for (const esp of esps) owed[esp] = (owed[esp] ?? 0) + (own[esp] ?? 0) / 1_000;
    const esp = assigned[index] ?? '';
    owed[esp] = (owed[esp] ?? 0) - 1;
    most = Math.max(most, ...Object.values(owed).map(Math.abs));
  });
  return most;
};

describe('Requests of one recipient', () => {
  it('keep every ESP within about one message of its weights, in any mix of providers and any batches', () => {
    fc.assert(
      fc.property(stream, ({ weights: byProvider, asked, cuts }) => {
        const singles = singlesOf(asked, byProvider);
        const { esps: assigned } = inBatches(singles, cuts);
        expect(assigned).toHaveLength(singles.length);
        // One message, and what is left over where providers with very different weights meet.
        expect(furthest(singles, assigned)).toBeLessThan(1.4);
      }),
    );
  });

  it('follow one and the same weights exactly after a thousand, whatever was sent before in whole thousands', () => {
    fc.assert(
      fc.property(weights, fc.array(fc.nat({ max: 1_000 }), { maxLength: 4 }), (own, cuts) => {
        const singles = Array<Single>(1_000).fill({ provider: 'gmail', weights: own });
        const { esps: assigned, carry } = inBatches(singles, cuts);
        for (const esp of esps) expect(assigned.filter((one) => one === esp)).toHaveLength(own[esp] ?? 0);
        expect(carry).toEqual({ all: {}, gmail: {} });
      }),
      { numRuns: 30 },
    );
  });

  it('get the same ESPs however they are cut into batches', () => {
    fc.assert(
      fc.property(stream, ({ weights: byProvider, asked, cuts }) => {
        const singles = singlesOf(asked, byProvider);
        expect(inBatches(singles, cuts)).toEqual(inBatches(singles, []));
      }),
    );
  });

  it('never go to an ESP without weight', () => {
    fc.assert(
      fc.property(stream, ({ weights: byProvider, asked }) => {
        const singles = singlesOf(asked, byProvider);
        inBatches(singles, []).esps.forEach((esp, index) => {
          expect(singles[index]?.weights[esp]).toBeGreaterThan(0);
        });
      }),
    );
  });

  it('give each provider its own weights too, where they can be told apart', () => {
    const byProvider = { gmail: { a: 900, b: 100 }, other: { a: 100, b: 900 } } as const;
    const singles = Array.from({ length: 2_000 }, (_, index): Single => {
      const provider = index % 2 === 0 ? 'gmail' : 'other';
      return { provider, weights: byProvider[provider] };
    });
    const { esps: assigned } = assignSingles(singles, {});
    const ofGmail = assigned.filter((esp, index) => esp === 'a' && index % 2 === 0).length;
    expect(Math.abs(ofGmail - 900)).toBeLessThanOrEqual(10);
  });

  it('carry on what is owed to ESPs that have no weight for a while', () => {
    const first = assignSingles([{ provider: 'gmail', weights: { a: 600, b: 400 } }], {});
    expect(first.esps).toEqual(['a']);
    const second = assignSingles([{ provider: 'gmail', weights: { a: 1_000, b: 0 } }], first.carry);
    expect(second.esps).toEqual(['a']);
    expect(second.carry).toEqual({ all: { a: -0.4, b: 0.4 }, gmail: { a: -0.4, b: 0.4 } });
    expect(assignSingles([{ provider: 'gmail', weights: { a: 500, b: 500 } }], second.carry).esps).toEqual(['b']);
  });
});
