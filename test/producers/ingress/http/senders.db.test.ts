import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { addSenderStatistics } from '../../../../shared/db/sender-statistics.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
});
beforeEach(() => database.pool.query('truncate sender_statistics'));
afterAll(() => ingress.app.close());

const counted = (mailboxProvider: string, delivered: number, complained: number, daysAgo = 0, accountId = 'admin') => ({
  ...{ accountId, senderDomain: 'acme.example', mailboxProvider, delivered, complained },
  day: new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10),
});

describe('GET /v1/senders', () => {
  it('tells the account’s senders of the last seven days, the most complained about first', async () => {
    const rows = [
      counted('gmail', 900, 4),
      counted('gmail', 100, 0, 6),
      counted('gmail', 50_000, 0, 8),
      counted('outlook', 1_000, 0),
      counted('yahoo', 10, 1, 0, 'acme'),
    ];
    for (const row of rows) await addSenderStatistics(database.pool, [row]);
    const answer = await ingress.app.inject({ method: 'GET', url: '/v1/senders', headers: withKey });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      data: [
        {
          ...{ domain: 'acme.example', mailboxProvider: 'gmail', delivered: 1_000, complained: 4, rate: 0.004 },
          ...{ state: 'hold-back', perMinute: 60 },
          sentence: "slowed: 0.40 % of acme.example's mail to gmail is complained about (limit 0.30 %)",
        },
        {
          ...{ domain: 'acme.example', mailboxProvider: 'outlook', delivered: 1_000, complained: 0, rate: 0 },
          ...{ state: 'none', perMinute: null },
          sentence: "0.00 % of acme.example's mail to outlook is complained about",
        },
      ],
    });
  });

  it('needs a key', async () => {
    expect((await ingress.app.inject({ method: 'GET', url: '/v1/senders' })).statusCode).toBe(401);
  });
});
