// Who is suppressed by what is told of mail.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { deliveryEvents } from '../../../consumers/delivery-events/consumer.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import type { DeliveryEvent } from '../../../shared/contracts/delivery.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { listSuppressions } from '../../../shared/db/suppressions.ts';
import { publicMessageId } from '../../../shared/domain/request-ids.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { aMessage, alterMessage, aRequest, storedMessage, useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
let offset = 0;
const tell = async (...events: DeliveryEvent[]): Promise<void> => {
  const consumer = deliveryEvents({
    topic: topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' })).delivery,
    pool: database.pool,
    log: createLog({ name: 'test', level: 'silent' }),
    metrics: createMetrics('test'),
    epoch: 0,
    deliveredThreshold: 1_000,
    verdictTopic: 'domain-verdicts',
    outcomeTopic: 'email-outcomes',
    tell: () => undefined,
  });
  const first = (offset += events.length) - events.length;
  await consumer.handleBatch(
    events.map((value, index) => ({
      ...{ value, raw: Buffer.from(JSON.stringify(value)), key: undefined, headers: {} },
      ...{ offset: BigInt(first + index), timestampMs: Date.now() },
    })),
    {
      ...{ topic: 'delivery-events', partition: 0, cluster: 'c', highWatermark: 1_000n },
      signal: new AbortController().signal,
    },
  );
};
const dayMs = 86_400_000;
const daysAgo = (days: number): string => new Date(Date.now() - days * dayMs).toISOString();
const about = (id: string, type: DeliveryEvent['type'], more: Partial<DeliveryEvent> = {}): DeliveryEvent => ({
  ...{ domain: 'example.org', type, id: `${type}:${id}:${more.at ?? ''}`, messageId: publicMessageId(id), esp: 'ses' },
  at: daysAgo(0),
  ...more,
});
const sent = async (request: { readonly class?: string; readonly list?: string } = {}, email = 'Ann@example.org') => {
  const requestId = randomUUID();
  const unsubscribe = request.list === undefined ? undefined : { list: request.list };
  await insertRequests(database.pool, [
    aRequest(requestId, {
      ...{ class: request.class ?? 'transactional', accountId: 'acme' },
      content: { from: 'news@acme.example', text: 'Hi', unsubscribe },
    }),
  ]);
  const message = aMessage({ requestId, accountId: 'acme', email });
  await insertAndClaim(database.pool, [message], randomUUID());
  await alterMessage(database.pool, message.id, `status = 'sent', lease_token = null, lease_until = null`);
  return message.id;
};
const suppressed = async () =>
  (await listSuppressions(database.pool, 'acme', { limit: 10 })).map(({ email, reason, scope, list }) => ({
    ...{ email, reason, scope, list },
  }));
const ann = 'ann@example.org';

describe('A recipient', () => {
  it.each([
    ['a hard bounce', {}, 'bounced', { bounceClass: 'hard' }, { reason: 'hard-bounce', scope: 'all', list: '' }],
    ['a bounce without a class', {}, 'bounced', {}, { reason: 'hard-bounce', scope: 'all', list: '' }],
    [
      'a complaint about bulk',
      { class: 'bulk' },
      'complained',
      {},
      { reason: 'complaint', scope: 'promotional', list: '' },
    ],
    [
      'a complaint about news',
      { list: 'news' },
      'complained',
      {},
      { reason: 'complaint', scope: 'promotional', list: '' },
    ],
    ['a complaint about a receipt', {}, 'complained', {}, { reason: 'complaint', scope: 'all-but-codes', list: '' }],
    ['leaving a list', { list: 'news' }, 'unsubscribed', {}, { reason: 'unsubscribe', scope: 'list', list: 'news' }],
    [
      'unsubscribing from no list',
      { class: 'bulk' },
      'unsubscribed',
      {},
      { reason: 'unsubscribe', scope: 'promotional', list: '' },
    ],
  ] as const)('is suppressed by %s', async (_title, request, type, more, expected) => {
    await tell(about(await sent(request), type, more));
    expect(await suppressed()).toEqual([{ email: ann, ...expected }]);
  });

  it('is suppressed once, however often it is told, and wider where that is told', async () => {
    const bulk = await sent({ class: 'bulk' });
    await tell(about(bulk, 'complained'), about(bulk, 'complained'), about(await sent(), 'complained'));
    await tell(about(bulk, 'complained'));
    expect(await suppressed()).toEqual([{ email: ann, reason: 'complaint', scope: 'all-but-codes', list: '' }]);
  });

  it.each(['delivered', 'deferred', 'opened', 'clicked', 'failed'] as const)(
    'is not suppressed by %s',
    async (type) => {
      await tell(about(await sent(), type), { domain: 'example.org', type: 'bounced' });
      expect(await suppressed()).toEqual([]);
    },
  );

  it('is suppressed by five soft bounces in a row over three days, and no sooner', async () => {
    const soft = async (days: number) =>
      tell(about(await sent(), 'bounced', { bounceClass: 'soft', at: daysAgo(days) }));
    for (const days of [9, 8, 7, 6]) await soft(days);
    expect(await suppressed()).toEqual([]);
    await soft(5);
    expect(await suppressed()).toEqual([{ email: ann, reason: 'soft-bounces', scope: 'all-but-codes', list: '' }]);
  });

  it('is not suppressed when a delivery stands between soft bounces', async () => {
    for (const days of [9, 8, 7, 6]) {
      await tell(about(await sent(), 'bounced', { bounceClass: 'soft', at: daysAgo(days) }));
    }
    await tell(about(await sent(), 'delivered', { at: daysAgo(5.5) }));
    await tell(about(await sent(), 'bounced', { bounceClass: 'soft', at: daysAgo(5) }));
    expect(await suppressed()).toEqual([]);
  });

  it('who followed one of our links has left the list, also when the message is long gone', async () => {
    const id = await sent({ list: 'news' });
    const unsubscribe = { accountId: 'acme', list: 'news' };
    await tell(
      about(id, 'unsubscribed', { recipient: 'Ann@example.org', unsubscribe }),
      about(randomUUID(), 'unsubscribed', { recipient: 'bob@example.org', unsubscribe }),
    );
    expect(await suppressed()).toEqual(
      ['bob@example.org', ann].map((email) => ({ email, reason: 'unsubscribe', scope: 'list', list: 'news' })),
    );
    expect((await storedMessage(database.pool, id)).unsubscribed_at).not.toBeNull();
  });
});
