import { expect, it } from '@jest/globals';
import {
  addToDomains,
  catchAllDomains,
  listDomains,
  loadDomain,
  loadVerdict,
  type DomainIncrement,
} from '../../../shared/db/domain-counters.ts';
import type { Database } from '../../../shared/db/connect.ts';
import { loadTotals } from '../../../shared/db/domain-totals.ts';
import { adoptThreshold } from '../../../shared/db/judge-domains.ts';
import { takeOutbox } from '../../../shared/db/outbox.ts';
import { verdictRecord } from '../../../shared/contracts/verdict.ts';
import { judgeDomain } from '../../../shared/domain/judge-domain.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const add = (domain: string, more: Partial<DomainIncrement> = {}): DomainIncrement => ({
  ...{ domain, delivered: 0, bounced: 0, firstBounceAt: undefined },
  ...more,
});
const count = (db: Database, increments: readonly DomainIncrement[], shard = 0) =>
  addToDomains(db, increments, { shard, deliveredThreshold: 1_000 });
const at = (day: number): Date => new Date(Date.UTC(2026, 0, day));

it('adds up, and keeps the earliest bounce', async () => {
  await count(database.pool, [
    add('a.org', { delivered: 1_000_000_000 }),
    add('b.org', { bounced: 1, firstBounceAt: at(5) }),
  ]);
  await count(database.pool, [
    add('b.org', { bounced: 2, firstBounceAt: at(3), delivered: 4 }),
    add('a.org', { delivered: 1_000_000_000 }),
  ]);
  await count(database.pool, [
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
        count(
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
  await count(database.pool, [
    add('at.org', { delivered: 1_000 }),
    add('above.org', { delivered: 1_001 }),
    add('bounced.org', { delivered: 9_000, bounced: 1, firstBounceAt: at(1) }),
    add('other.org', { delivered: 9_000 }),
  ]);
  const asked = ['at.org', 'above.org', 'bounced.org', 'nobody.org', 'above.org'];
  expect(await catchAllDomains(database.pool, asked)).toEqual(new Set(['above.org']));
  expect(await catchAllDomains(database.pool, [])).toEqual(new Set());
});

/** The totals, as counting all domains would have them. */
const recounted = async () => {
  const { rows } = await database.pool.query<{ verdict: string; n: number }>(
    'select verdict, count(*)::int as n from domain_counters group by verdict',
  );
  const of = (verdict: string): number => rows.find((row) => row.verdict === verdict)?.n ?? 0;
  return { catchAll: of('catch-all'), notCatchAll: of('not-catch-all'), unknown: of('unknown') };
};

it('judges as the rule does, and tells each change once', async () => {
  const steps = [
    { delivered: 999, bounced: 0 },
    { delivered: 1, bounced: 0 },
    { delivered: 1, bounced: 0 },
    { delivered: 0, bounced: 1 },
    { delivered: 5_000, bounced: 3 },
  ];
  let [delivered, bounced] = [0, 0];
  const told: unknown[] = [];
  for (const step of steps) {
    delivered += step.delivered;
    bounced += step.bounced;
    const changes = await count(database.pool, [add('a.org', step)]);
    told.push(...changes.map(({ domain, from, to, change }) => [domain, from, to, change]));
    expect(await loadVerdict(database.pool, 'a.org')).toBe(judgeDomain({ delivered, bounced }, 1_000));
    expect(await loadTotals(database.pool)).toMatchObject(await recounted());
  }
  expect(told).toEqual([
    ['a.org', 'unknown', 'catch-all', 1],
    ['a.org', 'catch-all', 'not-catch-all', 2],
  ]);
  expect(await count(database.pool, [add('b.org', { bounced: 1 })])).toMatchObject([
    { domain: 'b.org', from: 'unknown', to: 'not-catch-all', change: 1 },
  ]);
  expect(await loadVerdict(database.pool, 'c.org')).toBe('unknown');
});

it('keeps totals exact among writers of the same domains on several shards, also while all are judged anew', async () => {
  const domains = Array.from({ length: 60 }, (_, index) => `d${index}.org`);
  const writers = Array.from({ length: 12 }, async (_, shard) => {
    for (let round = 0; round < 10; round += 1) {
      await database.pool.transaction((db) =>
        count(
          db,
          domains.map((domain, index) =>
            add(domain, { delivered: 10, bounced: index % 3 === 0 && round === 9 && shard === 3 ? 1 : 0 }),
          ),
          shard,
        ),
      );
    }
  });
  const thresholds = [300, 900, 1_199].map((threshold) => adoptThreshold(database.pool, threshold, 'domain-verdicts'));
  await Promise.all([...writers, ...thresholds]);
  await adoptThreshold(database.pool, 1_199, 'domain-verdicts');
  expect(await loadTotals(database.pool)).toMatchObject({ catchAll: 40, notCatchAll: 20, unknown: 0 });
  expect(await recounted()).toEqual({ catchAll: 40, notCatchAll: 20, unknown: 0 });
});

it('judges all anew by another threshold, and writes what changed to the outbox', async () => {
  await adoptThreshold(database.pool, 1_000, 'domain-verdicts');
  await count(database.pool, [
    ...Array.from({ length: 700 }, (_, index) => add(`low${index}.org`, { delivered: 500 })),
    add('high.org', { delivered: 2_000 }),
    add('bounced.org', { delivered: 500, bounced: 1 }),
  ]);
  expect(await adoptThreshold(database.pool, 499, 'domain-verdicts')).toEqual({ before: 1_000, changed: 700 });
  expect(await adoptThreshold(database.pool, 499, 'domain-verdicts')).toBeUndefined();
  expect(await loadTotals(database.pool)).toMatchObject({ catchAll: 701, notCatchAll: 1, unknown: 0 });
  const rows = await takeOutbox(database.pool, 10);
  expect(rows.map((row) => row.records.length)).toEqual([500, 200]);
  const records = rows.flatMap((row) => row.records);
  for (const { key, topic, value } of records) {
    const record = verdictRecord.parse(JSON.parse(String(value)));
    expect(record).toMatchObject({ domain: key, from: 'unknown', to: 'catch-all', change: 1 });
    expect(topic).toBe('domain-verdicts');
  }
  expect(new Set(records.map(({ key }) => key)).size).toBe(700);
  // What this process would have judged by does not matter any more.
  expect(await count(database.pool, [add('new.org', { delivered: 500 })])).toMatchObject([{ to: 'catch-all' }]);
});

it('lists by name, verdict, and the beginning or end of the name, page by page', async () => {
  await count(database.pool, [
    ...Array.from({ length: 25 }, (_, index) =>
      add(`m${String(index).padStart(2, '0')}.example.org`, { delivered: 1 }),
    ),
    add('example.org', { delivered: 2_000 }),
    add('m99.example.com', { bounced: 1 }),
    add('m-a.net', { bounced: 1 }),
  ]);
  const all = ['catch-all', 'not-catch-all', 'unknown'] as const;
  const pages = async (query: Partial<Parameters<typeof listDomains>[1]>): Promise<string[]> => {
    const names: string[] = [];
    for (;;) {
      const page = await listDomains(database.pool, {
        ...{ statuses: all, search: undefined, limit: 10, ...query, after: names.at(-1) },
      });
      names.push(...page.map(({ domain }) => domain));
      if (page.length < 10) return names;
    }
  };
  const everything = await pages({});
  expect(everything).toHaveLength(28);
  expect(everything).toEqual([...everything].sort());
  expect(await pages({ statuses: ['not-catch-all'] })).toEqual(['m-a.net', 'm99.example.com']);
  expect(await pages({ search: { part: 'm0', of: 'beginning' } })).toHaveLength(10);
  const below = await pages({ search: { part: '.example.org', of: 'end' } });
  expect([...below].sort()).toEqual(everything.filter((name) => name.endsWith('.example.org')));
  expect(await pages({ search: { part: '.example.com', of: 'end' }, statuses: ['unknown'] })).toEqual([]);
});
