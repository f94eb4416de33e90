import { expect, it } from '@jest/globals';
import type { Database } from '../../../shared/db/connect.ts';
import { watchPostgres } from '../../../shared/db/watch-postgres.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();

it('Tells that Postgres is there, that it is gone, and that it is back', async () => {
  const told: boolean[] = [];
  let isAway = false;
  const db: Database = {
    query: (text, values) =>
      isAway ? Promise.reject(new InfrastructureError('postgres-away', 'gone')) : database.pool.query(text, values),
  };
  const watch = watchPostgres(db, (isThere) => told.push(isThere));
  await waitFor(() => told.at(-1) === true, { what: 'Postgres being there' });
  isAway = true;
  await waitFor(() => told.at(-1) === false, { what: 'Postgres being gone' });
  isAway = false;
  await waitFor(() => told.at(-1) === true, { what: 'Postgres being back' });
  watch.close();
});

it('Takes a Postgres that does not answer for one that is gone', async () => {
  const told: boolean[] = [];
  const watch = watchPostgres({ query: () => new Promise(() => undefined) }, (isThere) => told.push(isThere));
  await waitFor(() => told.length > 0, { what: 'a word about Postgres' });
  expect(told).toEqual([false]);
  watch.close();
});
