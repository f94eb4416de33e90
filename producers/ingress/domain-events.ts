// Deliveries and bounces that callers tell of, on their way to Kafka: many calls leave in few records, and each of those is
// numbered, so that one which is sent again after a lost answer counts once (`contracts/topics.ts`, producerHeaders).
import type { DeliveryEvent } from '../../shared/contracts/delivery.ts';
import { producerHeaders } from '../../shared/contracts/topics.ts';
import { InfrastructureError } from '../../shared/errors.ts';
import type { Publisher } from '../../shared/runtime/publisher.ts';
import type { OutgoingRecord } from '../../shared/runtime/records.ts';
import { sumsOf, type DomainSums } from './domain-sums.ts';

export interface DomainEvents {
  /** Counts one event; resolves once Kafka has it. Throws as `Publisher.publish` does. */
  count(domain: string, type: 'delivered' | 'bounced'): Promise<void>;
  /** Publishes many events at once, summed up by domain; resolves once Kafka has all. Throws as `Publisher.publish` does. */
  publish(sums: DomainSums): Promise<void>;
}

export interface DomainEventsDeps {
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly topic: { readonly name: string; readonly partitions: number };
  /** A UUID that no other process has, nor had this one before. */
  readonly producer: string;
}

// A record stays below what Kafka takes in a batch, and below what the contract lets one hold.
const eventsPerRecord = 5_000;
const charactersPerRecord = 900_000;
const mostWaiting = 100_000;
// A flush that Kafka does not answer must not keep those behind it waiting for its deadline and their own.
const longestTurnMs = 50;
// Clients that were answered together ask again together: without this the first of them would leave alone, and all the
// others wait for two answers of Kafka.
const lingerMs = 2;

// FNV-1a: any even spread will do, as long as one domain's events stay together.
const laneOf = (domain: string, lanes: number): number => {
  let hash = 2_166_136_261;
  for (let index = 0; index < domain.length; index += 1) {
    hash = Math.imul(hash ^ domain.charCodeAt(index), 16_777_619);
  }
  return (hash >>> 0) % lanes;
};

const inRecords = (events: readonly DeliveryEvent[]): string[] => {
  const values: string[] = [];
  let parts: string[] = [];
  let characters = 0;
  const close = (): void => {
    if (parts.length > 0) values.push(`{"events":[${parts.join(',')}]}`);
    parts = [];
    characters = 0;
  };
  for (const event of events) {
    const part = JSON.stringify(event);
    if (parts.length >= eventsPerRecord || characters + part.length > charactersPerRecord) close();
    parts.push(part);
    characters += part.length;
  }
  close();
  return values;
};

/** The one road of counted events to the delivery topic. */
export const createDomainEvents = ({ publisher, topic, producer }: DomainEventsDeps): DomainEvents => {
  let sequence = 0;
  // By lanes of domains, so that two partitions seldom count the same domain at the same time.
  const records = (sums: DomainSums): OutgoingRecord[] => {
    const lanes = new Map<number, DeliveryEvent[]>();
    for (const event of sums.events()) {
      const lane = laneOf(event.domain, topic.partitions);
      const events = lanes.get(lane);
      if (events === undefined) lanes.set(lane, [event]);
      else events.push(event);
    }
    return [...lanes].flatMap(([lane, events]) =>
      inRecords(events).map((value) => {
        sequence += 1;
        const headers = { [producerHeaders.producer]: producer, [producerHeaders.sequence]: String(sequence) };
        return { topic: topic.name, key: `domains-${lane}`, value, headers };
      }),
    );
  };
  // Numbers are given in the order in which the publisher takes records, which is the order in which it sends them.
  const publish = (sums: DomainSums): Promise<void> => publisher.publish(records(sums), 'usual');

  let waiting = sumsOf();
  let waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  let isTaken = false;
  const flush = (): void => {
    const [sums, told] = [waiting, waiters];
    waiting = sumsOf();
    waiters = [];
    let isOver = false;
    const next = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      isTaken = false;
      if (waiters.length > 0) begin();
    };
    const timer = setTimeout(next, longestTurnMs);
    publish(sums)
      .then(
        () => {
          for (const { resolve } of told) resolve();
        },
        (error: unknown) => {
          for (const { reject } of told) reject(error);
        },
      )
      .finally(next);
  };
  const begin = (): void => {
    isTaken = true;
    setTimeout(flush, lingerMs);
  };

  return {
    publish,
    count: (domain, type) => {
      if (waiters.length >= mostWaiting) {
        return Promise.reject(new InfrastructureError('kafka-full', 'Too many events wait for Kafka already.'));
      }
      return new Promise((resolve, reject) => {
        waiting.add(domain, type, 1);
        waiters.push({ resolve, reject });
        if (!isTaken) begin();
      });
    },
  };
};
