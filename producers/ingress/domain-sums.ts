import type { DeliveryEvent } from '../../shared/contracts/delivery.ts';

/** Deliveries and bounces summed up by domain; events with an id stay as they are. */
export interface DomainSums {
  /** How many events went in. */
  readonly size: number;
  /** How many deliveries or bounces these are in all. */
  readonly total: (type: 'delivered' | 'bounced') => number;
  /** `domain` in normal form. With an `id` the event counts once, however often it is told. */
  readonly add: (domain: string, type: 'delivered' | 'bounced', count: number, id?: string) => void;
  readonly events: () => Generator<DeliveryEvent>;
}

// What one event of the delivery topic may count (`contracts/delivery.ts`).
const mostPerEvent = 1_000_000_000;

export const sumsOf = (): DomainSums => {
  const sums = { delivered: new Map<string, number>(), bounced: new Map<string, number>() };
  const named: DeliveryEvent[] = [];
  const totals = { delivered: 0, bounced: 0 };
  let size = 0;
  return {
    get size() {
      return size;
    },
    add: (domain, type, count, id) => {
      size += 1;
      totals[type] += count;
      if (id === undefined) sums[type].set(domain, (sums[type].get(domain) ?? 0) + count);
      else named.push({ domain, type, id, ...(count === 1 ? {} : { count }) });
    },
    total: (type) => totals[type],
    *events() {
      for (const type of ['delivered', 'bounced'] as const) {
        for (const [domain, sum] of sums[type]) {
          for (let left = sum; left > 0; left -= mostPerEvent) {
            const count = Math.min(left, mostPerEvent);
            yield { domain, type, ...(count === 1 ? {} : { count }) };
          }
        }
      }
      yield* named;
    },
  };
};
