import type { DeliveryEvent } from '../../shared/contracts/delivery.ts';
import { normaliseDomain } from '../../shared/domain/domain-name.ts';
import type { EspEvent } from '../../shared/esp/esp.ts';

/** Where the ESP's own words are. */
export interface RawPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

const noDomain = 'unknown.invalid';

/**
 * An ESP's event → a record of the delivery topic. The domain is the recipient's, or a name that can be nobody's
 * (RFC 2606) when the ESP did not say who it was about: the event still moves its message.
 */
export const asDeliveryEvent = (event: EspEvent, esp: string, place: RawPlace): DeliveryEvent => {
  const at = event.recipient?.lastIndexOf('@') ?? -1;
  const domain = at < 0 ? undefined : normaliseDomain(event.recipient?.slice(at + 1) ?? '');
  return {
    domain: domain ?? noDomain,
    type: event.type,
    id: `${esp}:${event.id}`,
    esp,
    raw: { ...place, index: event.index },
    ...(event.at === undefined ? {} : { at: event.at }),
    ...(event.messageId === undefined ? {} : { messageId: event.messageId }),
    ...(event.attemptId === undefined ? {} : { attemptId: event.attemptId }),
    ...(event.providerMessageId === undefined ? {} : { providerMessageId: event.providerMessageId }),
    ...(event.recipient === undefined ? {} : { recipient: event.recipient }),
    ...(event.bounceClass === undefined ? {} : { bounceClass: event.bounceClass }),
    ...(event.machine === undefined ? {} : { machine: event.machine }),
    ...(event.reason === undefined ? {} : { reason: event.reason }),
  };
};

const keys = 12;

/** Key of an event: its message, so that the events of one message keep their order. */
export const keyOf = (event: DeliveryEvent): string => event.messageId ?? event.providerMessageId ?? event.domain;

const bucketOf = (key: string): number => {
  let hash = 0;
  for (let index = 0; index < key.length; index += 1) hash = (hash * 31 + key.charCodeAt(index)) | 0;
  return Math.abs(hash) % keys;
};

/**
 * Packs events into few records: the events of one bucket of message ids share a record (and its key), which keeps each
 * message's events on one partition and in order, at a fraction of the records.
 */
export const packEvents = (
  events: readonly DeliveryEvent[],
): { readonly key: string; readonly events: readonly DeliveryEvent[] }[] => {
  const buckets = new Map<number, DeliveryEvent[]>();
  for (const event of events) {
    const bucket = bucketOf(keyOf(event));
    const packed = buckets.get(bucket);
    if (packed === undefined) buckets.set(bucket, [event]);
    else packed.push(event);
  }
  return [...buckets].map(([bucket, packed]) => ({ key: `bucket-${bucket}`, events: packed }));
};
