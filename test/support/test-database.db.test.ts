import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

let first: TestDatabase;
let second: TestDatabase;
beforeAll(async () => {
  [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
});
afterAll(async () => {
  await Promise.all([first.drop(), second.drop()]);
});

const rowsOf = async (url: string, sql: string): Promise<number> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows.length;
  } finally {
    await client.end();
  }
};

test('a test database is migrated, and what is done in one is not seen in another', async () => {
  const tables = `SELECT 1 FROM pg_tables WHERE schemaname = 'public'`;
  expect(await rowsOf(first.url, tables)).toBeGreaterThan(0);
  await rowsOf(first.url, 'CREATE TABLE only_here (id int)');
  expect(await rowsOf(first.url, tables)).toBe((await rowsOf(second.url, tables)) + 1);
});
