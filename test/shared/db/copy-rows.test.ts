import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { connectForBulk, type BulkConnection, type CopyRow } from '../../../shared/db/copy-rows.ts';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.ts';

let database: TestDatabase;
let connection: BulkConnection;

beforeAll(async () => {
  database = await createTestDatabase();
  connection = await connectForBulk(database.url);
  await connection.query('create table copied (id int, words text, flag bool, at timestamptz, facts jsonb)');
});
afterAll(async () => {
  await connection.end();
  await database.drop();
});

const columns = ['id', 'words', 'flag', 'at', 'facts'];

describe('rows that are added by COPY', () => {
  test('come back as they were, whatever their text holds', async () => {
    const words = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\u0000') && text.isWellFormed());
    const awkward = ['', '\\N', '\\.', 'a\tb', 'a\nb\r\nc', '\\\\', 'NULL', '\b\f\v', '€😀'];
    const texts = [...awkward, ...fc.sample(words, 500)];
    await connection.query('truncate copied');
    const count = await connection.copyRows(
      'copied',
      columns,
      texts.map((text, id) => [id, text, id % 2 === 0, new Date(id), JSON.stringify({ text })]),
    );
    expect(count).toBe(texts.length);
    const { rows } = await connection.query<{ words: string; flag: boolean; at: Date; facts: { text: string } }>(
      'select words, flag, at, facts from copied order by id',
    );
    expect(rows.map((row) => row.words)).toEqual(texts);
    expect(rows.map((row) => row.facts.text)).toEqual(texts);
    expect(rows[3]).toMatchObject({ flag: false, at: new Date(3) });
  });

  test('tell nothing from the empty text', async () => {
    await connection.query('truncate copied');
    await connection.copyRows('copied', columns, [
      [1, null, null, null, null],
      [2, '', true, null, null],
    ]);
    const { rows } = await connection.query<{ words: string | null }>('select words from copied order by id');
    expect(rows.map((row) => row.words)).toEqual([null, '']);
  });

  test('may come one after the other, more than memory would hold at once', async () => {
    await connection.query('truncate copied');
    const many = async function* (): AsyncGenerator<CopyRow> {
      for (let id = 0; id < 20_000; id += 1) {
        if (id % 5_000 === 0) await Promise.resolve();
        yield [id, 'x'.repeat(100), true, null, null];
      }
    };
    expect(await connection.copyRows('copied', columns, many())).toBe(20_000);
  });

  test('are all left out when one of them cannot be made or stored, and the connection goes on', async () => {
    await connection.query('truncate copied');
    const broken = function* (): Generator<CopyRow> {
      yield [1, 'one', true, null, null];
      throw new Error('no second row');
    };
    await expect(connection.copyRows('copied', columns, broken())).rejects.toThrow('no second row');
    await expect(connection.copyRows('copied', columns, [['no number', null, null, null, null]])).rejects.toThrow(
      /invalid input syntax/,
    );
    expect((await connection.query('select from copied')).rows).toHaveLength(0);
  });
});
