import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

const sources = ['shared', 'producers', 'consumers', 'migrations'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);

it('are never made of raw text', () => {
  expect(sources.length).toBeGreaterThan(200);
  for (const path of sources) expect([path, readFileSync(path, 'utf8').includes('sql.raw')]).toEqual([path, false]);
});

// What stands in statements beside their parameters, file by file: lists of columns and pieces that the file writes
// itself, numbers, and names that Postgres told or that are escaped. None of it comes from a caller: what is new here has
// to be looked at before it is added.
const pieces: Readonly<Record<string, readonly string[]>> = {
  'shared/db/accounts.ts': ['columns', 'accountsChannel'],
  'shared/db/api-keys.ts': ['columns', 'accountsChannel'],
  'shared/db/apply-migrations.ts': ['journal'],
  'shared/db/claim-messages.ts': ['repeatWithinHours'],
  'shared/db/completeness.ts': ['settledAfter', 'counted'],
  'shared/db/domain-counters.ts': [
    'judgedFirst',
    'judgedAnew',
    "moved('catch-all')",
    "moved('not-catch-all')",
    "moved('unknown')",
    'columns',
    'order',
  ],
  'shared/db/erase-recipient.ts': ['messagesPerStep', 'lettersPerStep'],
  'shared/db/esp-controls.ts': ['routingChannel'],
  'shared/db/esp-health.ts': ['routingChannel'],
  'shared/db/event-partitions.ts': ['Math.trunc(daysBack)', 'Math.trunc(daysAhead)'],
  'shared/db/judge-domains.ts': ['judged'],
  'shared/db/judged.ts': ['lock'],
  'shared/db/listen.ts': ['pg.escapeIdentifier(channel)'],
  'shared/db/one-time-codes.ts': [
    'hour',
    "counted('issued', 'made')",
    "counted('verified', 'used')",
    "counted('expired', 'unused')",
  ],
  'shared/db/paced-requests.ts': ['recheckAfter'],
  'shared/db/read-messages.ts': ['columns', "conditions.join(' and ')", 'values.length'],
  'shared/db/replay-dead-letters.ts': ['columns', 'matches'],
  'shared/db/request-orders.ts': ['waiting', 'movable'],
  'shared/db/requests.ts': ['content'],
  'shared/db/retention.ts': ['name'],
  'shared/db/schedules.ts': ['columns'],
  'shared/db/seeded-rows.ts': ['sums', 'less', 'sameHour', 'isEmpty', 'routes', 'sameRoute'],
  'shared/db/sender-statistics.ts': ['sums'],
  'shared/db/sign-ups.ts': ['columns', 'pendingHours', 'mailEvery'],
  'shared/db/statistics.ts': [
    "columns.join(', ')",
    'columnArrays(6)',
    'columnArrays(5)',
    'columnArrays(4)',
    'added',
    'cohortsKeptMs / 1_000',
  ],
  'shared/db/suppressions.ts': ['filterSql'],
  'shared/db/webhook-calls.ts': ['again'],
  'shared/db/webhook-endpoints.ts': ['columns'],
  'shared/db/weight-decisions.ts': ['columns'],
};

it('hold nothing of a caller but parameters', () => {
  const found = sources.flatMap((path) => {
    const text = readFileSync(path, 'utf8');
    const statements = [...text.matchAll(/query(?:<[^(]*>)?\(\s*`([^`]*)`/g)].map((match) => match[1] ?? '');
    return statements.flatMap((statement) =>
      [...statement.matchAll(/\$\{([^}]*)\}/g)].map((match) => [path, match[1] ?? ''] as const),
    );
  });
  expect(found.filter(([path, piece]) => !(pieces[path] ?? []).includes(piece))).toEqual([]);
});
