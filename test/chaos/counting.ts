import { z } from 'zod';
import { waitFor } from '../support/wait-for.ts';
import type { World } from './world.ts';

const domainAnswer = z.object({ delivered: z.number(), bounced: z.number(), status: z.string() });

/** Deliveries and bounces of domains, put on the delivery topic by a producer that knows exactly what it put there. */
export interface Counting {
  publish(records: number): Promise<void>;
  published(): number;
  /** Waits until all is counted, and answers what is counted wrong, a sentence each. */
  faults(deadlineMs?: number): Promise<string[]>;
}

/** How many dead letters are in the table. */
export const deadLetters = async (world: World): Promise<number> =>
  Number((await world.sql<{ n: string }>('select count(*) as n from dead_letters'))[0]?.n ?? 0);

export const deliveryTopicOf = (world: World): string =>
  world.settings.environment['KAFKA_DELIVERY_TOPIC'] ?? 'delivery-events';

/**
 * Counts for `domains` domains of a scenario's own, the first of which holds 30 % of all. They are judged over the API, all
 * of them up to a thousand, and in the table above that.
 */
export const countingOn = (
  world: World,
  { domains, prefix }: { readonly domains: number; readonly prefix: string },
): Counting => {
  const expected = new Map<string, { delivered: number; bounced: number }>();
  const own = `${prefix}-${Math.floor(world.random() * 1e9)}`;
  let total = 0;
  const draw = (): string => {
    const number = world.random() < 0.3 ? 0 : Math.floor(world.random() * domains);
    return `d${number}.${own}.example`;
  };
  const countedOf = async (): Promise<Map<string, { delivered: number; bounced: number }>> => {
    const rows = await world.sql<{ domain: string; delivered: string; bounced: string }>(
      'select domain, delivered, bounced from domain_counters where domain like $1',
      [`%.${own}.example`],
    );
    return new Map(
      rows.map(({ domain, delivered, bounced }) => [
        domain,
        { delivered: Number(delivered), bounced: Number(bounced) },
      ]),
    );
  };
  return {
    publish: async (records) => {
      const made = Array.from({ length: records }, () => {
        const domain = draw();
        const type = world.random() < 0.1 ? ('bounced' as const) : ('delivered' as const);
        return { domain, type };
      });
      await world.publish(
        deliveryTopicOf(world),
        made.map((event) => ({ key: event.domain, value: JSON.stringify(event) })),
      );
      // Only what Kafka took for certain: a producer without retries either has an answer or throws.
      for (const { domain, type } of made) {
        const counts = expected.get(domain) ?? { delivered: 0, bounced: 0 };
        counts[type] += 1;
        expected.set(domain, counts);
        total += 1;
      }
    },
    published: () => total,
    faults: async (deadlineMs = 60_000) => {
      await world.caughtUp('delivery-events', deliveryTopicOf(world), deadlineMs);
      const client = await world.client();
      const counted = await waitFor(countedOf, { what: 'the counters', deadlineMs: 10_000 });
      const wrong: string[] = [];
      let asked = 0;
      for (const [domain, { delivered, bounced }] of expected) {
        const found = counted.get(domain) ?? { delivered: 0, bounced: 0 };
        if (found.delivered !== delivered || found.bounced !== bounced) {
          wrong.push(
            `${domain} has ${found.delivered} delivered and ${found.bounced} bounced, not ${delivered} and ${bounced}`,
          );
        }
        asked += 1;
        if (asked > 50) continue;
        const told = domainAnswer.parse(await client.get(`/v1/domains/${domain}`));
        if (told.delivered !== delivered || told.bounced !== bounced)
          wrong.push(`the API tells otherwise of ${domain}`);
      }
      return wrong.length > 3 ? [...wrong.slice(0, 3), `and ${wrong.length - 3} more`] : wrong;
    },
  };
};
