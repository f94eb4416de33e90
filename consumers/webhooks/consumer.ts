// In:  raw webhook bodies of one kind of ESP, each naming its account, whose signatures the ingress has checked.
// Out: delivery events with ids that are the same on every repeat. No database.
// On redelivery: the same events again, which the delivery topic's consumer stores once.
import { espName } from '../../shared/contracts/esp-name.ts';
import { webhookHeaders, type Topic, type WebhookEsp } from '../../shared/contracts/topics.ts';
import type { DeliveryEvent } from '../../shared/contracts/delivery.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import type { TranslateWebhook } from '../../shared/esp/esp.ts';
import { defineConsumer } from '../../shared/runtime/define-consumer.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { done, reject, type Outcome } from '../../shared/runtime/outcome.ts';
import { asDeliveryEvent, packEvents } from './translate-webhook.ts';

export interface WebhooksDeps {
  readonly kind: WebhookEsp;
  readonly topic: Topic<Uint8Array>;
  readonly deliveryTopic: string;
  readonly translate: TranslateWebhook;
  readonly log: Logger;
}

/** Whose webhook a record is. One that the ingress did not write may name nobody, or nothing that is a name. */
const accountOf = (headers: Readonly<Record<string, string>>, kind: WebhookEsp): string => {
  const name = headers[webhookHeaders.espName] ?? '';
  return espName.test(name) ? name : kind;
};

/** The translator of one kind's webhooks, of all its accounts. */
export const webhooks = ({ kind, topic, deliveryTopic, translate, log }: WebhooksDeps) =>
  defineConsumer<Uint8Array>({
    name: `webhook-${kind}`,
    topics: [topic],
    maxRecords: 500,
    fetchBytes: 2_000_000,
    handleBatch: (records, context) => {
      const events: DeliveryEvent[] = [];
      const outcomes = records.map((record): Outcome => {
        try {
          const translated = translate(record.value);
          const place = { topic: context.topic, partition: context.partition, offset: String(record.offset) };
          const esp = accountOf(record.headers, kind);
          events.push(...translated.events.map((event) => asDeliveryEvent(event, esp, place)));
          const unreadable = translated.rest.filter((part) => part.kind === 'unreadable');
          if (unreadable.length === 0) return done();
          log.warn({ ...place, parts: unreadable.length }, 'a webhook held parts that nobody understands');
          // The readable parts are published all the same; the body is kept for a person.
          return reject(
            'unreadable-part',
            `${unreadable.length} of its parts cannot be read, first: ${unreadable[0]?.detail ?? ''}`,
          );
        } catch (error) {
          if (error instanceof InvalidMessageError) return reject(error.code, error.message);
          throw error;
        }
      });
      const published = packEvents(events).map((record) => ({ ...record, topic: deliveryTopic }));
      // All events of the batch ride on its first outcome: they are published before any of it is committed.
      const [first, ...rest] = outcomes;
      if (first === undefined || published.length === 0) return Promise.resolve(outcomes);
      return Promise.resolve([first.kind === 'skip' ? done(...published) : { ...first, records: published }, ...rest]);
    },
  });
