// In:  paced requests whose next batch is due; orders about requests.
// Out: the batch's decision, and an ESP and a time for each of its messages; rows that obey the orders.
// On a second copy: a request's pace is locked while its batch is started, with SKIP LOCKED, and started in one transaction.
import { decideBatch, type WeighSettings } from '../../shared/db/decide-weights.ts';
import { loadEspStates } from '../../shared/db/esp-states.ts';
import { startNextBatch } from '../../shared/db/paced-requests.ts';
import { purgeOrders, repairOrders } from '../../shared/db/request-orders.ts';
import type { Pool } from '../../shared/db/connect.ts';
import { allowanceIn } from '../../shared/domain/allowances.ts';
import { mailboxProviders } from '../../shared/domain/mailbox-provider.ts';
import { planRequest, providerWeightsFor } from '../../shared/domain/plan-request.ts';
import { splitRecipients, wholeRequest } from '../../shared/domain/split-recipients.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';

const batchesPerTick = 20;

/** Starts batches of paced requests, each weighed by itself when its turn comes. */
export const batchTicker = ({
  pool,
  weighing,
  everyMs = 500,
}: {
  readonly pool: Pool;
  readonly weighing: WeighSettings;
  readonly everyMs?: number;
}): Ticker => {
  const start = (): Promise<boolean> =>
    startNextBatch(pool, async (db, batch, recipients) => {
      const providers = recipients.map(
        ({ mailboxProvider }) => mailboxProviders.find((name) => name === mailboxProvider) ?? 'other',
      );
      const part = wholeRequest(providers);
      const mix = Object.fromEntries(Object.entries(part.providers).map(([name, { total }]) => [name, total]));
      const decision = await decideBatch(db, batch.accountId, batch.batchId, weighing, mix);
      const states = await loadEspStates(db, weighing.roundSeconds);
      const allowances = Object.fromEntries(
        weighing.esps.map((esp) => [esp, allowanceIn(states.byEsp[esp] ?? {}, states.round, weighing.thresholds)]),
      );
      const { weights, split, plan } = planRequest(
        providerWeightsFor(decision, batch.esps, Object.keys(mix), allowances),
        mix,
      );
      const esps = splitRecipients(plan, `${batch.requestId}#${batch.number}`, part, providers);
      return { decisionId: decision.id, window: decision.window, weights, split, esps };
    });
  return {
    name: 'paced-batches',
    everyMs,
    tick: async () => {
      for (let n = 0; n < batchesPerTick; n += 1) if (!(await start())) return false;
      return true;
    },
  };
};

/** Carries out orders about requests once more, for records that were being stored while they were given. */
export const ordersTicker = ({
  pool,
  outcomeTopic,
}: {
  readonly pool: Pool;
  readonly outcomeTopic?: string;
}): Ticker => ({
  name: 'orders',
  everyMs: 10_000,
  tick: async () => {
    await pool.transaction((db) => repairOrders(db, outcomeTopic));
    return false;
  },
});

// Longer than topics keep the records that an order may be about.
const orderDays = 60;

/** Forgets orders about requests that are done. */
export const orderPurge = ({ pool }: { readonly pool: Pool }): Ticker => ({
  name: 'order-purge',
  everyMs: 3_600_000,
  tick: async () => (await purgeOrders(pool, orderDays, 1_000)) >= 1_000,
});
