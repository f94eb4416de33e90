import type { Evidence } from '../evidence.ts';
import { rareLikelihood } from '../likelihood.ts';
import type { ComplaintMemory, Memory } from './policy.ts';

// Complaints are too rare to be told apart by mailbox provider, and nearly too rare to be told from luck.

/** What is assumed of ESPs together before anybody complained, and how firmly, in messages. */
const typicalRate = 0.0005;
const typicalWorth = 2_000;
/** How much an ESP leans on the rate of all. */
const leanOnCommon = 2_000;
/** How likely it is, before looking, that an ESP's rate has changed with the news. */
const changedBefore = 0.02;
/** What is assumed of a rate that has changed: one in 500, give or take a lot. */
const afterwards = { complained: 0.5, delivered: 250 };
const fade = 0.99;
const remembered = 20_000;
const keptAfterChange = 10;

export const noComplaints: ComplaintMemory = { delivered: 0, complained: 0 };

/** As much of it as is remembered. */
export const atMostRemembered = (memory: ComplaintMemory): ComplaintMemory => {
  const over = Math.max(1, memory.delivered / remembered);
  return { delivered: memory.delivered / over, complained: memory.complained / over };
};

/** An ESP's complaints in a piece of evidence. */
export const complaintsIn = (news: Evidence, esp: string): ComplaintMemory =>
  Object.values(news[esp] ?? {}).reduce(
    (sum, one) => ({ delivered: sum.delivered + one.delivered, complained: sum.complained + one.complained }),
    noComplaints,
  );

/** The complaint rate of all ESPs together. */
export const commonComplaints = (memory: Memory): number => {
  const all = Object.values(memory);
  const delivered = all.reduce((sum, esp) => sum + esp.complaints.delivered, typicalWorth);
  const start = typicalWorth * typicalRate;
  return all.reduce((sum, esp) => sum + esp.complaints.complained, start) / delivered;
};

/** Takes in news. News that the memory cannot explain ends it: a spike must not be thinned by a good year. */
export const learnComplaints = (old: ComplaintMemory, news: ComplaintMemory, common: number): ComplaintMemory => {
  let changed = 0;
  if (news.delivered > 0) {
    const asBefore = rareLikelihood(
      news.delivered,
      news.complained,
      old.complained + common * leanOnCommon,
      old.delivered + leanOnCommon,
    );
    const asChanged = rareLikelihood(news.delivered, news.complained, afterwards.complained, afterwards.delivered);
    const odds = (changedBefore / (1 - changedBefore)) * Math.exp(Math.min(50, asChanged - asBefore));
    changed = odds / (1 + odds);
  }
  const kept = changed > 0.5 ? Math.min(1 - changed, keptAfterChange / (old.delivered + 1)) : fade;
  const delivered = old.delivered * kept + news.delivered;
  const complained = Math.max(0, old.complained * kept + news.complained);
  return atMostRemembered({ delivered, complained });
};

/** What an ESP's complaints cost a delivered message, and how sure that is. */
export const complaintsOf = ({ delivered, complained }: ComplaintMemory, common: number) => {
  // Too rare to be told from luck, so an ESP leans on the common rate - unless even the least that its own can be
  // (a deviation and a quarter below, on the square-root scale) is more than that: then it is believed at once.
  const least = delivered > 0 ? Math.max(0, Math.sqrt(complained) - 1.25) ** 2 / delivered : 0;
  const worth = least > common ? 0 : leanOnCommon;
  const rate = (complained + common * worth) / (delivered + worth);
  return { rate, variance: rate / (delivered + worth + 1) };
};
