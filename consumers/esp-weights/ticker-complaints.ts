// Tells operators of senders that are complained about: once in the log whenever a sender's state changes, and always as a
// metric, which names no sender.
import type { Pool } from '../../shared/db/connect.ts';
import { loadComplainedSenders, purgeSenderStatistics } from '../../shared/db/sender-statistics.ts';
import { guardStates, judgeComplaints } from '../../shared/domain/complaint-guard.ts';
import { mailboxProviders } from '../../shared/domain/mailbox-provider.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';

/** Answers what looks at all senders once. */
export const complaintWatch = (deps: {
  readonly pool: Pool;
  readonly log: Logger;
  readonly metrics: Metrics;
}): (() => Promise<void>) => {
  const { pool, log, metrics } = deps;
  const gauge = metrics.gauge(
    'sender_complaint_rate',
    'The highest complaint rate of a sender at a mailbox provider, by what is done with its bulk mail; 0 without one.',
    ['provider', 'state'],
  );
  let known: ReadonlyMap<string, string> = new Map();

  return async () => {
    await purgeSenderStatistics(pool);
    const senders = await loadComplainedSenders(pool);
    const now = new Map<string, string>();
    const highest = new Map<string, number>();
    for (const sender of senders) {
      const { accountId, senderDomain, mailboxProvider } = sender;
      const { state, rate, sentence } = judgeComplaints(sender);
      const key = [accountId, senderDomain, mailboxProvider].join('\n');
      now.set(key, state);
      const cell = `${mailboxProvider} ${state}`;
      highest.set(cell, Math.max(highest.get(cell) ?? 0, rate));
      if (known.get(key) === state) continue;
      log.warn({ accountId, senderDomain, mailboxProvider, state, why: sentence }, 'bulk mail of a sender is slowed');
    }
    for (const key of known.keys()) {
      if (now.has(key)) continue;
      const [accountId, senderDomain, mailboxProvider] = key.split('\n');
      log.info({ accountId, senderDomain, mailboxProvider }, 'bulk mail of a sender is no longer slowed');
    }
    known = now;
    for (const provider of mailboxProviders) {
      for (const state of guardStates.filter((name) => name !== 'none')) {
        gauge(highest.get(`${provider} ${state}`) ?? 0, { provider, state });
      }
    }
  };
};
