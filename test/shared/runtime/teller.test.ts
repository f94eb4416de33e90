import { describe, expect, it } from '@jest/globals';
import { InfrastructureError } from '../../../shared/errors.ts';
import { createTeller, ownMs, type TellableRow } from '../../../shared/runtime/teller.ts';

const row = (id: string): TellableRow => ({ id, records: [{ topic: 't', key: id, value: id }] });

const world = (publish: (values: readonly unknown[]) => Promise<void> = () => Promise.resolve()) => {
  const published: unknown[][] = [];
  const removed: string[] = [];
  const faults: unknown[] = [];
  const clock = { now: 0 };
  const teller = createTeller({
    publish: async (records) => {
      const values = records.map(({ value }) => value);
      await publish(values);
      published.push(values);
    },
    remove: (rows) => {
      removed.push(...rows.map(({ id }) => id));
      return Promise.resolve();
    },
    now: () => clock.now,
    onFault: (error) => faults.push(error),
  });
  return { teller, published, removed, faults, clock };
};

describe('The teller', () => {
  it('publishes before it removes, and takes all that waited at once', async () => {
    const { teller, published, removed } = world();
    teller.tell([row('1')]);
    teller.tell([row('2')]);
    teller.tell([row('3')]);
    await teller.close();
    expect(published).toEqual([['1'], ['2', '3']]);
    expect(removed).toEqual(['1', '2', '3']);
  });

  it('leaves to the scheduler what cannot be published', async () => {
    const { teller, removed, faults } = world(() => Promise.reject(new InfrastructureError('kafka-away', 'Away.')));
    teller.tell([row('1')]);
    await teller.close();
    expect([removed, faults]).toEqual([[], []]);
  });

  it('leaves to the scheduler what waited until the scheduler may take it', async () => {
    const { teller, removed, clock } = world(async () => {
      await Promise.resolve();
      clock.now += ownMs;
    });
    teller.tell([row('1')]);
    teller.tell([row('2')]);
    await teller.close();
    expect(removed).toEqual(['1']);
  });

  it('tells of faults that are no outage', async () => {
    const { teller, faults } = world(() => Promise.reject(new TypeError('a bug')));
    teller.tell([row('1')]);
    await teller.close();
    expect(faults).toHaveLength(1);
  });
});
