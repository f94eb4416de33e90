import type { Pool } from '../../shared/db/connect.ts';
import { adoptThreshold } from '../../shared/db/judge-domains.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';

/**
 * Makes this process's threshold the fleet's, once, when it starts. Of two processes with different ones the one that starts
 * last decides, and both count by it from then on. `pool`: without the usual limit on a statement's time.
 */
export const thresholdTicker = (deps: {
  readonly pool: Pool;
  readonly deliveredThreshold: number;
  readonly verdictTopic: string;
  readonly log: Logger;
}): Ticker => {
  let isDone = false;
  return {
    name: 'verdict-threshold',
    everyMs: 1_000,
    tick: async () => {
      if (isDone) return false;
      const adopted = await adoptThreshold(deps.pool, deps.deliveredThreshold, deps.verdictTopic);
      isDone = true;
      if (adopted !== undefined) {
        const facts = { before: adopted.before, now: deps.deliveredThreshold, changed: adopted.changed };
        deps.log.warn(facts, 'all domains were judged anew by another threshold');
      }
      return false;
    },
  };
};
