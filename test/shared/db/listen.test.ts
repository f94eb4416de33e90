import { expect, it } from '@jest/globals';
import { listenTo } from '../../../shared/db/listen.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const channel = 'test_channel';
const tell = () => database.pool.query(`select pg_notify('${channel}', '')`);

const opened = async () => {
  let notices = 0;
  const listener = listenTo(database.url, channel, () => {
    notices += 1;
  });
  await waitFor(() => notices === 1, { what: 'the ear being open' });
  return { listener, heard: () => notices };
};

it('hears what is told on its channel, and nothing of others', async () => {
  const { listener, heard } = await opened();
  await database.pool.query(`select pg_notify('another_channel', '')`);
  await tell();
  await waitFor(() => heard() >= 2, { what: 'the notice' });
  expect(heard()).toBe(2);
  await listener.close();
});

it('says so when its connection was lost, hears again by itself, and says that too', async () => {
  const { listener, heard } = await opened();
  const { rows } = await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'mailfleet-listener'`,
  );
  expect(rows).toHaveLength(1);
  await waitFor(() => heard() >= 3, { what: 'the loss and the return' });
  await tell();
  await waitFor(() => heard() >= 4, { what: 'the notice after the return' });
  await listener.close();
});

it('hears nothing once it is closed, and leaves no connection', async () => {
  const { listener, heard } = await opened();
  await listener.close();
  await tell();
  await waitFor(
    async () => {
      const { rows } = await database.pool.query(
        `select from pg_stat_activity where datname = current_database() and application_name = 'mailfleet-listener'`,
      );
      return rows.length === 0;
    },
    { what: 'the connection being gone' },
  );
  expect(heard()).toBe(1);
});
