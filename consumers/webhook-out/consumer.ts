// In:  changes of messages' states.
// Out: rows of calls at the endpoints that want to hear of them; `consumer-caller.ts` makes them.
// On redelivery: a call's id follows from what it tells, so it is stored once.
import type { OutcomeRecord } from '../../shared/contracts/outcome.ts';
import type { Topic } from '../../shared/contracts/topics.ts';
import type { Pool } from '../../shared/db/connect.ts';
import { addCalls } from '../../shared/db/webhook-calls.ts';
import { enabledEndpoints } from '../../shared/db/webhook-endpoints.ts';
import { defineConsumer } from '../../shared/runtime/define-consumer.ts';
import { done } from '../../shared/runtime/outcome.ts';
import { planCalls } from './plan-calls.ts';

/** The consumer that stores the calls of accounts' webhooks. */
export const webhookOut = ({ topic, pool }: { readonly topic: Topic<OutcomeRecord>; readonly pool: Pool }) =>
  defineConsumer<OutcomeRecord>({
    name: 'webhook-out',
    topics: [topic],
    maxRecords: 2_000,
    handleBatch: async (records) => {
      const outcomes = records.map(({ value }) => value);
      const accounts = new Set(outcomes.flatMap(({ accountId }) => accountId ?? []));
      const hearers = await enabledEndpoints(pool, [...accounts]);
      await addCalls(pool, planCalls(outcomes, hearers));
      return records.map(() => done());
    },
  });
