import { expect, it } from '@jest/globals';
import { createDomainEvents } from '../../../producers/ingress/domain-events.ts';
import { sumsOf } from '../../../producers/ingress/domain-sums.ts';
import { deliveryRecord } from '../../../shared/contracts/delivery.ts';
import { producerHeaders } from '../../../shared/contracts/topics.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import type { OutgoingRecord } from '../../../shared/runtime/records.ts';
import { waitFor } from '../../support/wait-for.ts';

const producer = '00000000-0000-7000-8000-000000000001';
const topic = { name: 'delivery-events', partitions: 12 };
const sequences = (records: readonly OutgoingRecord[]) =>
  records.map(({ headers = {} }) => Number(headers[producerHeaders.sequence]));

it('leaves nobody waiting behind a Kafka that does not answer', async () => {
  const calls: { readonly records: readonly OutgoingRecord[]; readonly reject: (error: Error) => void }[] = [];
  const events = createDomainEvents({
    publisher: {
      publish: (records) =>
        new Promise((_, reject) => {
          calls.push({ records, reject });
        }),
    },
    ...{ topic, producer },
  });
  const first = events.count('a.example', 'delivered');
  const refused = expect(first).rejects.toThrow('away');
  await waitFor(() => calls.length === 1, { what: 'the first being published' });
  const second = events.count('b.example', 'delivered');
  const alsoRefused = expect(second).rejects.toThrow('away');
  await waitFor(() => calls.length === 2, { what: 'the second being published before the first is answered' });
  for (const { reject } of calls) reject(new InfrastructureError('kafka-away', 'Kafka is away.'));
  await Promise.all([refused, alsoRefused]);
  expect(calls.flatMap(({ records }) => sequences(records))).toEqual([1, 2]);
});

it('cuts many events into records that the contract takes, and loses none', async () => {
  const published: OutgoingRecord[] = [];
  const events = createDomainEvents({
    publisher: {
      publish: (records) => {
        published.push(...records);
        return Promise.resolve();
      },
    },
    ...{ topic, producer },
  });
  const sums = sumsOf();
  for (let index = 0; index < 100_000; index += 1) sums.add(`${'long-'.repeat(9)}${index}.example`, 'delivered', 1);
  for (let index = 0; index < 10; index += 1) sums.add('big.example', 'bounced', 900_000_000);
  await events.publish(sums);
  let counted = 0;
  for (const { value } of published) {
    expect(value.length).toBeLessThan(1_000_000);
    const record = deliveryRecord.parse(JSON.parse(String(value)));
    for (const { count = 1 } of 'events' in record ? record.events : [record]) counted += count;
  }
  expect(counted).toBe(100_000 + 9_000_000_000);
  expect(sequences(published)).toEqual(published.map((_, index) => index + 1));
  expect(new Set(published.map(({ key }) => key)).size).toBe(12);
});
