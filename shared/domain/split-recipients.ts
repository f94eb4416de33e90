import { createHash } from 'node:crypto';
import type { RequestPart } from '../contracts/email.ts';
import { interleave } from './apportion.ts';
import type { MailboxProvider } from './mailbox-provider.ts';
import type { SplitPlan } from './plan-split.ts';

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

// A shuffle of 0…size-1 that can be computed for one rank alone: r → (step·r + start) mod size, step and size coprime.
const seededPlace = (seed: string, size: number): ((rank: number) => number) => {
  const hash = createHash('sha256').update(seed).digest();
  const start = hash.readUInt32BE(0) % size;
  let step = (hash.readUInt32BE(4) % size) + 1;
  while (greatestCommonDivisor(step, size) !== 1) step += 1;
  return (rank) => (rank * step + start) % size;
};

/** The part that a record without one stands for: the whole request. */
export const wholeRequest = (providers: readonly MailboxProvider[]): RequestPart => {
  const totals: Record<string, { total: number; first: number }> = {};
  for (const provider of providers) {
    totals[provider] = { total: (totals[provider]?.total ?? 0) + 1, first: 0 };
  }
  return { number: 0, of: 1, total: providers.length, first: 0, providers: totals };
};

/**
 * The ESP of each recipient of one part of a request.
 *
 * A pure function of the request's plan, its id, and where its recipients stand among those of their mailbox provider:
 * parts that different processes handle add up to exactly the plan. Each provider's recipients follow an evenly mixed
 * sequence, and a shuffle by the request's id keeps any order that they came in (an alphabet, say) from meeting one ESP.
 */
export const splitRecipients = (
  plan: SplitPlan,
  requestId: string,
  part: RequestPart,
  providers: readonly MailboxProvider[],
): string[] => {
  const places = new Map<string, (rank: number) => string | undefined>();
  for (const provider of new Set(providers)) {
    const sequence = interleave(plan[provider] ?? {});
    const place = seededPlace(`${requestId}\n${provider}`, Math.max(1, sequence.length));
    places.set(provider, (rank) => (rank < sequence.length ? sequence[place(rank)] : undefined));
  }
  const seen = new Map<string, number>();
  return providers.map((provider) => {
    const before = seen.get(provider) ?? 0;
    seen.set(provider, before + 1);
    const esp = places.get(provider)?.((part.providers[provider]?.first ?? 0) + before);
    if (esp === undefined) throw new RangeError(`part ${part.number} of ${requestId} counts its recipients wrongly`);
    return esp;
  });
};
