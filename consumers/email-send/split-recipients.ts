import { createHash } from 'node:crypto';
import type { RequestPart } from '../../shared/contracts/email.ts';
import { apportion, interleave, type Shares } from '../../shared/domain/apportion.ts';
import { mailboxProviders, type MailboxProvider } from '../../shared/domain/mailbox-provider.ts';

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
 * A pure function of the weights (1000 in all), the request's id and totals, and where its recipients stand: parts that
 * different processes handle add up to exactly `apportion(total, weights)`. Each mailbox provider has a stretch of the
 * evenly mixed sequence, so it is split like the whole; inside it a shuffle by the request's id keeps any order that the
 * recipients came in (an alphabet, say) from meeting one ESP.
 */
export const splitRecipients = (
  weights: Shares,
  requestId: string,
  part: RequestPart,
  providers: readonly MailboxProvider[],
): string[] => {
  const sequence = interleave(apportion(part.total, weights));
  const places = new Map<string, (rank: number) => number>();
  let begin = 0;
  for (const provider of mailboxProviders) {
    const total = part.providers[provider]?.total ?? 0;
    if (total === 0) continue;
    const offset = begin;
    const place = seededPlace(`${requestId}\n${provider}`, total);
    places.set(provider, (rank) => offset + place(rank));
    begin += total;
  }
  const seen = new Map<string, number>();
  return providers.map((provider) => {
    const before = seen.get(provider) ?? 0;
    seen.set(provider, before + 1);
    const rank = (part.providers[provider]?.first ?? 0) + before;
    const esp = sequence[places.get(provider)?.(rank) ?? -1];
    if (esp === undefined) throw new RangeError(`part ${part.number} of ${requestId} counts its recipients wrongly`);
    return esp;
  });
};

/**
 * The cycle that requests of one recipient follow: whoever stands at position n of the decision's counter goes through
 * the ESP at n modulo its length (1000), so every 1000 of them split exactly by the weights.
 */
export const cycleOf = (weights: Shares): string[] => interleave(apportion(1_000, weights));
