import type { DomainIncrement } from '../../shared/db/domain-counters.ts';
import { statisticsFold, type StatisticsRow } from '../../shared/db/statistics.ts';
import type { SeededRequest } from './seeded-requests.ts';
import { hourMs } from './traffic.ts';

/** What the product would have counted of the invented mail; as large as the history is long, not as the mail is much. */
export interface SeedCounts {
  add(request: SeededRequest): void;
  statistics(): StatisticsRow[];
  domains(): DomainIncrement[];
}

/** Counts by the product's rules: first outcomes by the hour of sending (as rows older than a day are), hard bounces only. */
export const createCounts = (): SeedCounts => {
  const fold = statisticsFold();
  const domains = new Map<string, { delivered: number; bounced: number; firstBounceMs: number | undefined }>();

  return {
    add: ({ send, batchId, messages }) => {
      for (const { person, atMs, fate } of messages) {
        if (fate.status === 'failed') continue;
        const sentMs = fate.attempts.at(-1)?.startedMs ?? atMs;
        const key = {
          accountId: send.accountId,
          esp: fate.esp,
          mailboxProvider: person.provider,
          batchId,
          minute: new Date(Math.floor(sentMs / hourMs) * hourMs),
        };
        fold.add(key, 'sent');
        if (fate.opens > 0) fold.add(key, 'opened');
        if (fate.clicks > 0) fold.add(key, 'clicked');
        const domain = domains.get(person.domain) ?? { delivered: 0, bounced: 0, firstBounceMs: undefined };
        domains.set(person.domain, domain);
        for (const { type, bounceClass, atMs: eventMs } of fate.events) {
          if (type === 'delivered' || type === 'bounced' || type === 'complained') fold.add(key, type);
          if (type === 'delivered') domain.delivered += 1;
          if (type === 'bounced' && bounceClass === 'hard') {
            domain.bounced += 1;
            domain.firstBounceMs = Math.min(domain.firstBounceMs ?? eventMs, eventMs);
          }
        }
      }
    },
    statistics: () => fold.rows(),
    domains: () =>
      [...domains]
        .filter(([, { delivered, bounced }]) => delivered + bounced > 0)
        .map(([domain, { delivered, bounced, firstBounceMs }]) => ({
          domain,
          delivered,
          bounced,
          firstBounceAt: firstBounceMs === undefined ? undefined : new Date(firstBounceMs),
        })),
  };
};
