import { chooser, type Random } from '../../shared/domain/random.ts';

/** A request to be made, without its recipients. */
export interface PlannedSend {
  readonly atMs: number;
  readonly accountId: string;
  readonly size: number;
  /** Undefined: one mail, asked for on its own. */
  readonly campaign: string | undefined;
  /** Whether the campaign is sent as a batch, with weights of its own. */
  readonly isBatch: boolean;
}

export const historyDays = 30;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/** The accounts of the invented data. */
export const seedAccounts = ['admin', 'acme', 'globex'] as const;

const accountOf = chooser([
  [seedAccounts[0], 0.5],
  [seedAccounts[1], 0.3],
  [seedAccounts[2], 0.2],
]);
const campaignOf = chooser([
  ['newsletter', 0.4],
  ['offers', 0.35],
  ['product-news', 0.25],
]);

const maxRecipients = 10_000;
const singleShare = 0.2;
// By UTC hour: quiet nights, a peak before noon, a smaller one in the evening.
const hourWeights = [1, 1, 1, 1, 2, 3, 5, 8, 11, 13, 13, 11, 9, 9, 10, 9, 8, 7, 7, 8, 7, 5, 3, 2];
// From Sunday to Saturday.
const weekdayWeights = [0.3, 1, 1.2, 1.15, 1.1, 0.9, 0.35];

const weightOf = (hourStartMs: number): number => {
  const at = new Date(hourStartMs);
  return (hourWeights[at.getUTCHours()] ?? 1) * (weekdayWeights[at.getUTCDay()] ?? 1);
};

/**
 * All requests of the 30 days before `untilMs`, hour by hour and in the order of time within each; together they have
 * exactly `messages` recipients. A fifth of the mail is asked for one by one, the rest comes in campaigns.
 */
export const planTraffic = function* (
  settings: { readonly messages: number; readonly untilMs: number; readonly audience: number },
  random: Random,
): Generator<PlannedSend> {
  const { messages, untilMs, audience } = settings;
  const hours = historyDays * 24;
  const firstHourMs = untilMs - historyDays * dayMs;
  const starts = Array.from({ length: hours }, (_, hour) => firstHourMs + hour * hourMs);
  const total = starts.reduce((sum, start) => sum + weightOf(start), 0);
  const largest = Math.min(maxRecipients, audience);
  const typical = Math.max(20, messages / 150);
  const drawSize = (): number =>
    Math.min(largest, Math.max(2, Math.round(typical * Math.exp(0.9 * random.normal() - 0.4))));

  let weight = 0;
  let handedOut = 0;
  let pending = 0;
  let nextSize = drawSize();
  for (const start of starts) {
    weight += weightOf(start);
    const due = Math.round((messages * weight) / total) - handedOut;
    handedOut += due;
    // Rounded by chance, or small histories would have no single mail at all.
    const singles = Math.min(due, Math.floor(due * singleShare + random.next()));
    pending += due - singles;

    const sends: PlannedSend[] = [];
    for (let n = 0; n < singles; n += 1) {
      const atMs = start + random.int(hourMs);
      sends.push({ atMs, accountId: accountOf(random.next()), size: 1, campaign: undefined, isBatch: false });
    }
    const isLast = start === starts.at(-1);
    while (pending > 0 && (pending >= nextSize || isLast)) {
      const size = Math.min(pending, nextSize);
      // Early enough in the hour that its last recipient's turn is within it.
      const atMs = start + random.int(hourMs / 2);
      const campaign = campaignOf(random.next());
      sends.push({ atMs, accountId: accountOf(random.next()), size, campaign, isBatch: random.next() < 0.6 });
      pending -= size;
      nextSize = drawSize();
    }
    yield* sends.sort((a, b) => a.atMs - b.atMs);
  }
};
