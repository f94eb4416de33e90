// One process of the usual lane on a test's database, with ESPs in memory, for tests of what others make it send.
import { claimsOn } from '../../../consumers/email-send/consumer-claims.ts';
import { heavyContentsFrom } from '../../../consumers/email-send/consumer-content.ts';
import { noteKeysIn } from '../../../consumers/email-send/consumer-keys.ts';
import { portsOn } from '../../../consumers/email-send/consumer-ports.ts';
import { routingOn } from '../../../consumers/email-send/consumer-routing.ts';
import { sendersOn } from '../../../consumers/email-send/consumer-senders.ts';
import { templatesOn } from '../../../consumers/email-send/consumer-templates.ts';
import { emailSend } from '../../../consumers/email-send/consumer.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import type { SendRecord } from '../../../shared/contracts/email.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import type { Pool } from '../../../shared/db/connect.ts';
import { takeDueMessages } from '../../../shared/db/due-messages.ts';
import type { Delivery, DeliveryAnswer, Esp } from '../../../shared/esp/esp.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { weighingOf } from '../../support/weighing.ts';
import { someLimits } from './deliveries.ts';

// A round of a day, so that none ends while a test runs.
const roundSeconds = 86_400;
const topic = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' })).send['email-send'];

export interface TestSender {
  /** What the ESPs were handed, in order. */
  readonly sent: readonly Delivery[];
  handle(records: readonly SendRecord[]): Promise<void>;
  /** Sends what is due by now; answers how many messages that were. */
  handleDue(): Promise<number>;
}

export const weighing = weighingOf('rates', ['alpha', 'beta'], roundSeconds);

/** `answer` is what every ESP answers, for each delivery. */
export const aSender = (
  pool: Pool,
  answer: (delivery: Delivery) => DeliveryAnswer | Promise<DeliveryAnswer> = () => ({
    outcome: 'accepted',
    providerMessageId: 'p',
  }),
): TestSender => {
  const sent: Delivery[] = [];
  const esps = weighing.esps.map((name): Esp => ({
    name,
    kind: 'smtp',
    limits: someLimits,
    send: (deliveries) => {
      sent.push(...deliveries);
      return Promise.all(deliveries.map((delivery) => Promise.resolve(answer(delivery))));
    },
    close: () => Promise.resolve(),
  }));
  const content = heavyContentsFrom({
    get: () => Promise.resolve(undefined),
    put: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  });
  const routing = routingOn(pool, weighing);
  const log = createLog({ name: 'test', level: 'silent' });
  const consumer = emailSend({
    lane: 'email-send',
    topic,
    configuredEsps: weighing.esps,
    claims: claimsOn(pool, 'email-send', weighing, routing, content),
    noteKeys: noteKeysIn(pool),
    content,
    senders: sendersOn(pool, Date.now),
    templates: templatesOn(pool),
    ports: portsOn(pool, esps, { metrics: createMetrics('test'), log }, routing, { roundSeconds, patienceMs: 20_000 }),
    gate: routing,
  });
  const handle = async (records: readonly SendRecord[]): Promise<void> => {
    await consumer.handleBatch(
      records.map((value, index) => ({
        value,
        raw: Buffer.from(JSON.stringify(value)),
        key: undefined,
        headers: {},
        offset: BigInt(index),
        timestampMs: 1_700_000_000_000,
      })),
      { topic: topic.name, partition: 0, cluster: 'c', highWatermark: 10_000n, signal: new AbortController().signal },
    );
  };
  return {
    sent,
    handle,
    handleDue: async () => {
      const due = await takeDueMessages(pool, 20_000);
      for (let at = 0; at < due.length; at += 500) await handle([{ due: due.slice(at, at + 500).map(({ id }) => id) }]);
      return due.length;
    },
  };
};
