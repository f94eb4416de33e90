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

const eventsPerRecord = 2_000;
// At three bytes each they still fit a record of 2 MiB.
const unitsPerRecord = 600_000;

/** The values of records that hold these events, in order: as few as their size allows. */
const valuesOf = (events: readonly DeliveryEvent[]): string[] => {
  const values: string[] = [];
  let parts: string[] = [];
  let units = 0;
  const close = (): void => {
    if (parts.length > 0) values.push(`{"events":[${parts.join(',')}]}`);
    parts = [];
    units = 0;
  };
  for (const event of events) {
    const part = JSON.stringify(event);
    if (parts.length >= eventsPerRecord || units + part.length > unitsPerRecord) close();
    parts.push(part);
    units += part.length + 1;
  }
  close();
  return values;
};

/**
 * Packs events into few records: the events of one bucket of message ids share a record (and its key), which keeps each
 * message's events on one partition and in order, at a fraction of the records.
 */
export const packEvents = (events: readonly DeliveryEvent[]): { readonly key: string; readonly value: string }[] => {
  const buckets = new Map<number, DeliveryEvent[]>();
  for (const event of events) {
    const bucket = bucketOf(keyOf(event));
    const packed = buckets.get(bucket);
    if (packed === undefined) buckets.set(bucket, [event]);
    else packed.push(event);
  }
  return [...buckets].flatMap(([bucket, packed]) =>
    valuesOf(packed).map((value) => ({ key: `bucket-${bucket}`, value })),
  );
};
