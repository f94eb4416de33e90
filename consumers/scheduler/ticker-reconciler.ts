// In:  requests whose parts have all had their time.
// Out: an alarm for each that does not have exactly one message a recipient.
// On a second copy: the cursor's row is taken with SKIP LOCKED, so only one counts.
import { recheckUneven, reconcileNext } from '../../shared/db/completeness.ts';
import type { Pool } from '../../shared/db/connect.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';

export interface ReconcilerDeps {
  readonly pool: Pool;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

const perTick = 2_000;
const shownAtMost = 1_000;
// A backlog on the topic may keep a part away for a while; an hour later it is no backlog.
const patienceMs = 3_600_000;

/**
 * Counts every request once, ten minutes after it was stored, and those that did not add up again and again. The metric
 * `completeness_violations` is how many still do not after an hour: above 0, somebody should look.
 */
export const reconciler = ({ pool, log, metrics, now }: ReconcilerDeps): Ticker => {
  const violations = metrics.gauge('completeness_violations', 'Requests whose messages do not add up for an hour.');
  const uneven = metrics.gauge('completeness_uneven', 'Requests whose messages do not add up (yet).');
  const counted = metrics.counter('completeness_requests_total', 'Requests whose messages were counted.');
  violations(0);
  uneven(0);
  const told = new Set<string>();
  return {
    name: 'reconciler',
    everyMs: 15_000,
    tick: async () => {
      const requests = await reconcileNext(pool, perTick);
      counted({}, requests);
      const left = await recheckUneven(pool, shownAtMost);
      const old = left.filter(({ noticedAt }) => now().getTime() - noticedAt.getTime() > patienceMs);
      uneven(left.length);
      violations(old.length);
      for (const { id, reason } of old) {
        if (told.has(id)) continue;
        told.add(id);
        log.error({ requestId: id, reason }, 'a request does not add up');
      }
      for (const id of told) if (!old.some((request) => request.id === id)) told.delete(id);
      return requests >= perTick;
    },
  };
};
