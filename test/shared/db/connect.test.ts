import { describe, expect, it } from '@jest/globals';
import { connectPostgres, type Database, type Pool } from '../../../shared/db/connect.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();

const faultOf = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return undefined;
};
const pidOf = async (db: Database): Promise<number> => {
  const { rows } = await db.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
};
const kill = (pid: number) => database.pool.query('select pg_terminate_backend($1)', [pid]);
const withPool = async <T>(size: number, work: (pool: Pool) => Promise<T>): Promise<T> => {
  const pool = connectPostgres(database.url, size, () => undefined);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
};

describe('A connection that is killed', () => {
  it('during a transaction is a fault of the machinery, and the pool goes on', async () => {
    await withPool(1, async (pool) => {
      const fault = await faultOf(() =>
        pool.transaction(async (db) => {
          await kill(await pidOf(db));
          await db.query('select 1');
        }),
      );
      expect(fault).toBeInstanceOf(InfrastructureError);
      expect(fault).toMatchObject({ code: 'postgres-away', retryable: true });
      for (let n = 0; n < 3; n += 1) expect(await pidOf(pool)).toBeGreaterThan(0);
    });
  });

  it('during a statement is one too', async () => {
    await withPool(1, async (pool) => {
      const waiting = faultOf(() => pool.query('select pg_sleep(20)'));
      const sleeper = await (async () => {
        for (;;) {
          const { rows } = await database.pool.query<{ pid: number }>(
            `select pid from pg_stat_activity where query = 'select pg_sleep(20)' and state = 'active' and datname = current_database()`,
          );
          if (rows[0] !== undefined) return rows[0].pid;
        }
      })();
      await kill(sleeper);
      expect(await waiting).toBeInstanceOf(InfrastructureError);
      expect(await pidOf(pool)).toBeGreaterThan(0);
    });
  });

  it('while it is idle costs nobody anything', async () => {
    await withPool(1, async (pool) => {
      const before = await pidOf(pool);
      await kill(before);
      // The first statement may still meet the dead connection; nothing after it may.
      await faultOf(() => pidOf(pool));
      expect(await pidOf(pool)).not.toBe(before);
    });
  });

  it('between begin and a handler’s own error is still a fault of the machinery', async () => {
    await withPool(1, async (pool) => {
      const fault = await faultOf(() =>
        pool.transaction(async (db) => {
          await kill(await pidOf(db));
          throw new TypeError('bug');
        }),
      );
      expect(fault === undefined).toBe(false);
      expect(await pidOf(pool)).toBeGreaterThan(0);
    });
  });
});

describe('A fault of the machinery is told from one of the data', () => {
  it.each([
    ['NUL in a text', `select $1::text`, ['a\u0000']],
    ['a number that is none', `select $1::int`, ['many']],
    ['a date that is none', `select $1::timestamptz`, ['0000-01-01T00:00:00Z']],
    ['a row that is there already', `insert into domain_counters (domain) values ('a'), ('a')`, []],
    ['a null where none may be', `insert into domain_counters (domain) values (null)`, []],
    ['a statement that is none', `selekt 1`, []],
    ['a table that is not there', `select * from nothing`, []],
  ])('%s is of the data', async (_, statement, values) => {
    const fault = await faultOf(() => database.pool.query(statement, values));
    expect(fault).toBeInstanceOf(Error);
    expect(fault).not.toBeInstanceOf(InfrastructureError);
  });

  it.each(['08006', '40001', '40P01', '53300', '55P03', '57P01', '57014', '58030', '25006'])(
    'SQLSTATE %s is of the machinery',
    async (code) => {
      const fault = await faultOf(() =>
        database.pool.query(`do $$ begin raise exception 'x' using errcode = '${code}'; end $$`),
      );
      expect(fault).toBeInstanceOf(InfrastructureError);
    },
  );

  it('nobody listening is of the machinery', async () => {
    const pool = connectPostgres('postgres://nobody@127.0.0.1:1/nothing', 1, () => undefined);
    expect(await faultOf(() => pool.query('select 1'))).toBeInstanceOf(InfrastructureError);
    expect(await faultOf(() => pool.transaction((db) => db.query('select 1')))).toBeInstanceOf(InfrastructureError);
    await pool.end();
  });

  it('a handler’s own error comes out as it is', async () => {
    const bug = new TypeError('bug');
    expect(await faultOf(() => database.pool.transaction(() => Promise.reject(bug)))).toBe(bug);
  });
});

describe('A transaction', () => {
  const add = (db: Database, domain: string) => db.query('insert into domain_counters (domain) values ($1)', [domain]);
  const domains = async (): Promise<string[]> => {
    const { rows } = await database.pool.query<{ domain: string }>('select domain from domain_counters order by 1');
    return rows.map((row) => row.domain);
  };

  it('keeps all of what it did, or nothing', async () => {
    await database.pool.transaction((db) => add(db, 'kept'));
    await faultOf(() =>
      database.pool.transaction(async (db) => {
        await add(db, 'lost');
        await add(db, 'kept');
      }),
    );
    await faultOf(() =>
      database.pool.transaction(async (db) => {
        await add(db, 'lost');
        throw new Error('no');
      }),
    );
    expect(await domains()).toEqual(['kept']);
  });

  it('that failed leaves its connection usable, not in the middle of something', async () => {
    await withPool(1, async (pool) => {
      await faultOf(() => pool.transaction((db) => db.query('selekt')));
      await pool.transaction((db) => add(db, 'after'));
      expect(await domains()).toEqual(['after']);
    });
  });
});
