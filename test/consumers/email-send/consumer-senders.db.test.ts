import { beforeEach, describe, expect, it } from '@jest/globals';
import { sendersOn } from '../../../consumers/email-send/consumer-senders.ts';
import { changeAccount, closeAccount, insertAccount } from '../../../shared/db/accounts.ts';
import type { Database } from '../../../shared/db/connect.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
beforeEach(async () => {
  await database.pool.query(`delete from accounts where id <> 'admin'`);
  for (const id of ['acme', 'globex']) {
    await insertAccount(database.pool, { id, name: id, senderDomains: [`${id}.example`], limits: {} });
  }
});

const world = () => {
  let statements = 0;
  let now = 1_000_000;
  const db: Database = {
    query: (text, values) => {
      statements += 1;
      return database.pool.query(text, values);
    },
  };
  const senders = sendersOn(db, () => now);
  const codeOf = async (accountId: string, domain: string): Promise<string | undefined> => {
    const judge = await senders.judgeFor([{ accountId, domain }]);
    return judge({ accountId, domain })?.code;
  };
  return { senders, codeOf, statements: () => statements, pass: (ms: number) => (now += ms) };
};

describe('Senders', () => {
  it('of a whole batch are judged by one statement', async () => {
    const { senders, statements } = world();
    const asked = ['acme', 'globex', 'admin'].flatMap((accountId) =>
      Array.from({ length: 300 }, () => ({ accountId, domain: `${accountId}.example` })),
    );
    const judge = await senders.judgeFor(asked);
    expect(asked.map((one) => judge(one)).filter((fault) => fault !== undefined)).toEqual([]);
    expect(statements()).toBe(1);
    await senders.judgeFor(asked);
    expect(statements()).toBe(1);
  });

  it('of the administrators cost none', async () => {
    const { codeOf, statements } = world();
    expect(await codeOf('admin', 'anything.org')).toBeUndefined();
    expect(statements()).toBe(0);
  });

  it('that are not listed are refused, as is an account that does not exist or is closed', async () => {
    const { codeOf } = world();
    expect(await codeOf('acme', 'acme.example')).toBeUndefined();
    expect(await codeOf('acme', 'globex.example')).toBe('sender-domain');
    expect(await codeOf('acme', 'mail.acme.example')).toBe('sender-domain');
    expect(await codeOf('nobody', 'acme.example')).toBe('unknown-account');
    await closeAccount(database.pool, 'globex');
    expect(await codeOf('globex', 'globex.example')).toBe('unknown-account');
  });

  it('are never refused by what is older than the batch', async () => {
    const { codeOf, statements } = world();
    expect(await codeOf('new', 'new.example')).toBe('unknown-account');
    await insertAccount(database.pool, { id: 'new', name: 'New', senderDomains: [], limits: {} });
    expect(await codeOf('new', 'new.example')).toBe('sender-domain');
    await changeAccount(database.pool, 'new', { senderDomains: ['new.example'] });
    expect(await codeOf('new', 'new.example')).toBeUndefined();
    expect(statements()).toBe(3);
  });

  it('that were taken off the list are refused within five seconds', async () => {
    const { codeOf, pass } = world();
    expect(await codeOf('acme', 'acme.example')).toBeUndefined();
    await changeAccount(database.pool, 'acme', { senderDomains: [] });
    pass(4_999);
    expect(await codeOf('acme', 'acme.example')).toBeUndefined();
    pass(1);
    expect(await codeOf('acme', 'acme.example')).toBe('sender-domain');
  });
});
