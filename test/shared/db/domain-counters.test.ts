import { expect, it } from '@jest/globals';
import { addToDomains, catchAllDomains, loadDomain, type DomainIncrement } from '../../../shared/db/domain-counters.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const add = (domain: string, more: Partial<DomainIncrement> = {}): DomainIncrement => ({
  ...{ domain, delivered: 0, bounced: 0, firstBounceAt: undefined },
  ...more,
});
const at = (day: number): Date => new Date(Date.UTC(2026, 0, day));

it('adds up, and keeps the earliest bounce', async () => {
  await addToDomains(database.pool, [
    add('a.org', { delivered: 1_000_000_000 }),
    add('b.org', { bounced: 1, firstBounceAt: at(5) }),
  ]);
  await addToDomains(database.pool, [
    add('b.org', { bounced: 2, firstBounceAt: at(3), delivered: 4 }),
    add('a.org', { delivered: 1_000_000_000 }),
  ]);
  await addToDomains(database.pool, [
    add('b.org', { bounced: 1, firstBounceAt: at(9) }),
    add('a.org', { delivered: 1_000_000_000 }),
  ]);
  expect(await loadDomain(database.pool, 'a.org')).toMatchObject({
    delivered: 3_000_000_000,
    bounced: 0,
    firstBounceAt: null,
  });
  expect(await loadDomain(database.pool, 'b.org')).toMatchObject({ delivered: 4, bounced: 4, firstBounceAt: at(3) });
  expect(await loadDomain(database.pool, 'c.org')).toBeUndefined();
});

it('loses nothing among many writers of the same domains, and none waits for ever', async () => {
  const domains = Array.from({ length: 100 }, (_, index) => `d${index}.org`);
  await Promise.all(
    Array.from({ length: 16 }, (_, writer) => {
      const order = writer % 2 === 0 ? domains : [...domains].reverse();
      return database.pool.transaction((db) =>
        addToDomains(
          db,
          order.map((domain) => add(domain, { delivered: 3, bounced: 1 })),
        ),
      );
    }),
  );
  for (const domain of domains)
    expect(await loadDomain(database.pool, domain)).toMatchObject({ delivered: 48, bounced: 16 });
});

it('tells the domains that take mail for anybody: more deliveries than the threshold, and no bounce', async () => {
  await addToDomains(database.pool, [
    add('at.org', { delivered: 1_000 }),
    add('above.org', { delivered: 1_001 }),
    add('bounced.org', { delivered: 9_000, bounced: 1, firstBounceAt: at(1) }),
    add('other.org', { delivered: 9_000 }),
  ]);
  const asked = ['at.org', 'above.org', 'bounced.org', 'nobody.org', 'above.org'];
  expect(await catchAllDomains(database.pool, asked, 1_000)).toEqual(new Set(['above.org']));
  expect(await catchAllDomains(database.pool, [], 1_000)).toEqual(new Set());
});
