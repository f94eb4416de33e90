import { describe, expect, it } from '@jest/globals';
import { webhooks } from '../../../consumers/webhooks/consumer.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import { deliveryRecord, type DeliveryEvent } from '../../../shared/contracts/delivery.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import { InvalidMessageError } from '../../../shared/errors.ts';
import type { EspEvent, TranslateWebhook } from '../../../shared/esp/esp.ts';
import type { BatchContext, Incoming } from '../../../shared/runtime/define-consumer.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import type { Outcome } from '../../../shared/runtime/outcome.ts';
import type { OutgoingRecord } from '../../../shared/runtime/records.ts';

const topics = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' }));
const context: BatchContext = {
  topic: 'webhook-sendgrid',
  partition: 1,
  cluster: 'c',
  highWatermark: 100n,
  signal: new AbortController().signal,
};
/** Bodies of this ESP are a list of message numbers; `?` cannot be read. */
const translate: TranslateWebhook = (body) => {
  const text = Buffer.from(body).toString();
  if (text === 'garbage') throw new InvalidMessageError('not-json', 'The body is not JSON.');
  if (text === 'bug') throw new TypeError('nobody expected this');
  const parts = text.split(',').filter(Boolean);
  return {
    events: parts.flatMap((part, index): EspEvent[] =>
      part === '?'
        ? []
        : [{ type: 'delivered', id: part, at: '2026-01-01T00:00:00Z', messageId: `msg_${part}`, index }],
    ),
    rest: parts.flatMap((part, index) =>
      part === '?' ? [{ kind: 'unreadable' as const, index, detail: 'no type' }] : [],
    ),
  };
};
const consumer = webhooks({
  kind: 'sendgrid',
  topic: topics.webhook.sendgrid,
  deliveryTopic: topics.delivery.name,
  translate,
  log: createLog({ name: 'test', level: 'silent' }),
});
const record = (body: string, offset: number): Incoming<Uint8Array> => {
  const raw = Buffer.from(body);
  return { value: raw, raw, key: undefined, headers: {}, offset: BigInt(offset), timestampMs: 0 };
};
const recordsOf = (outcomes: readonly Outcome[]): readonly OutgoingRecord[] =>
  outcomes.flatMap((outcome) => (outcome.kind === 'skip' ? [] : (outcome.records ?? [])));
const eventsOf = (outcomes: readonly Outcome[]): readonly DeliveryEvent[] =>
  recordsOf(outcomes).flatMap(({ value }) => {
    const parsed = deliveryRecord.parse(JSON.parse(value.toString()));
    return 'events' in parsed ? parsed.events : [parsed];
  });
const handle = async (...bodies: string[]) => {
  const outcomes = await consumer.handleBatch(bodies.map(record), context);
  const ids = eventsOf(outcomes).map((event) => event.id);
  return { outcomes, records: recordsOf(outcomes), ids: ids.sort() };
};

describe('The translator of webhooks', () => {
  it('publishes every event of every body on the delivery topic', async () => {
    const { outcomes, records, ids } = await handle('1,2', '3');
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['done', 'done']);
    expect(ids).toEqual(['sendgrid:1', 'sendgrid:2', 'sendgrid:3']);
    expect(new Set(records.map((each) => each.topic))).toEqual(new Set(['delivery-events']));
  });

  it('keeps 99 good events when one part cannot be read, and shows the body to a person', async () => {
    const numbers = Array.from({ length: 99 }, (_, index) => String(index));
    const { outcomes, ids } = await handle([...numbers, '?'].join(','));
    expect(ids).toHaveLength(99);
    expect(outcomes).toMatchObject([{ kind: 'reject', code: 'unreadable-part' }]);
  });

  it('loses no other body’s events when one body is unreadable as a whole, first or last', async () => {
    for (const bodies of [
      ['garbage', '1', '2'],
      ['1', '2', 'garbage'],
    ]) {
      const { outcomes, ids } = await handle(...bodies);
      expect(ids).toEqual(['sendgrid:1', 'sendgrid:2']);
      expect(outcomes.map((outcome) => outcome.kind)).toEqual(
        bodies.map((body) => (body === 'garbage' ? 'reject' : 'done')),
      );
    }
  });

  it('publishes nothing for a body without events', async () => {
    const { outcomes, records } = await handle('', '');
    expect(outcomes).toHaveLength(2);
    expect(records).toEqual([]);
  });

  it('keeps each record small enough for its schema, 10,000 events or not', async () => {
    const body = Array.from({ length: 10_000 }, (_, index) => String(index)).join(',');
    const { records, ids } = await handle(body);
    expect(new Set(ids).size).toBe(10_000);
    for (const { value } of records) expect(value.length).toBeLessThan(1_000_000);
  });

  it('gives the same events again on a redelivery', async () => {
    expect(await handle('1,2', '3')).toEqual(await handle('1,2', '3'));
  });

  it('lets a bug through to the runtime, which finds the one record that causes it', () => {
    expect(() => consumer.handleBatch([record('bug', 0)], context)).toThrow(TypeError);
  });

  it('credits each event to the account that its record names, and to the first of its kind otherwise', async () => {
    const named = (name: string, offset: number) => ({ ...record('1', offset), headers: { 'x-esp-name': name } });
    const outcomes = await consumer.handleBatch(
      [named('sendgrid-eu', 0), record('1', 1), named('not a name', 2), named('', 3)],
      context,
    );
    const events = eventsOf(outcomes);
    expect(events.map(({ esp, id }) => [esp, id])).toEqual([
      ['sendgrid-eu', 'sendgrid-eu:1'],
      ['sendgrid', 'sendgrid:1'],
      ['sendgrid', 'sendgrid:1'],
      ['sendgrid', 'sendgrid:1'],
    ]);
  });
});
