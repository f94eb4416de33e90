import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { claimsOn } from '../../../consumers/email-send/consumer-claims.ts';
import { routingOn } from '../../../consumers/email-send/consumer-routing.ts';
import { prepareRequest } from '../../../consumers/email-send/prepare-request.ts';
import type { EmailRecord } from '../../../shared/contracts/email.ts';
import type { SendLane } from '../../../shared/contracts/topics.ts';
import type { Pool } from '../../../shared/db/connect.ts';
import { addSenderStatistics } from '../../../shared/db/sender-statistics.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate sender_statistics, sender_paces, single_carries'));

const weighing = {
  policy: 'even' as const,
  esps: ['ses'],
  roundSeconds: 5,
  thresholds: { healthyThreshold: 6, unhealthyThreshold: 2 },
};
/** The claims of one process of a lane. */
const claims = (lane: SendLane = 'email-send-bulk') =>
  claimsOn(database.pool, lane, weighing, routingOn(database.pool, weighing), {
    load: () => Promise.reject(new TypeError('no heavy content here')),
  });
const request = (id: string, count: number, more: Partial<EmailRecord> = {}, domain = 'gmail.com') =>
  prepareRequest(
    {
      ...{ id, from: 'News <news@acme.example>', text: 'Hi', class: 'bulk' },
      recipients: Array.from({ length: count }, (_, n) => ({ email: `u${n}@${domain}` })),
      ...more,
    },
    { requestId: id, laneClass: 'bulk', configuredEsps: ['ses'], judgeSender: () => undefined },
  );
const complained = (complaints: number, delivered = 10_000) =>
  addSenderStatistics(database.pool, [
    {
      ...{ accountId: 'admin', senderDomain: 'acme.example', mailboxProvider: 'gmail' },
      ...{ day: new Date().toISOString().slice(0, 10), delivered, complained: complaints },
    },
  ]);
interface Waiting {
  readonly id: string;
  readonly ms: number;
  readonly reason: string | null;
}
/** What waits, in the order of its times, counted from the moment at which it was stored. */
const waiting = async (requestId: string): Promise<Waiting[]> => {
  const { rows } = await database.pool.query<Waiting>(
    `select id, (extract(epoch from due_at - created_at) * 1000)::float8 as ms, reason from messages
     where request_id = $1 and status = 'scheduled' order by due_at`,
    [requestId],
  );
  return rows;
};
const gaps = (messages: readonly Waiting[]) =>
  messages.slice(1).map(({ ms }, index) => Math.round(ms - (messages[index]?.ms ?? 0)));
const slowedAt = (percent: string, limit: string) =>
  `slowed: ${percent} % of acme.example's mail to gmail is complained about (limit ${limit} %)`;

describe('Bulk mail of a sender', () => {
  it('goes at once while it is hardly complained about', async () => {
    await complained(9);
    expect((await claims().claimNew([request('req_1', 50)], randomUUID())).claimed).toHaveLength(50);
    expect(await waiting('req_1')).toEqual([]);
  });

  it('is slowed to 600 a minute from 0.1 % on, and says why', async () => {
    await complained(10);
    expect((await claims().claimNew([request('req_1', 50)], randomUUID())).claimed).toHaveLength(1);
    const messages = await waiting('req_1');
    expect(messages).toHaveLength(49);
    expect(new Set(gaps(messages))).toEqual(new Set([100]));
    expect(new Set(messages.map(({ reason }) => reason))).toEqual(new Set([slowedAt('0.10', '0.10')]));
  });

  it('is held back to 60 a minute from 0.3 % on', async () => {
    await complained(34);
    await claims().claimNew([request('req_1', 20)], randomUUID());
    const messages = await waiting('req_1');
    expect(new Set(gaps(messages))).toEqual(new Set([1_000]));
    expect(messages[0]?.reason).toBe(slowedAt('0.34', '0.30'));
  });

  it('queues behind what waits already, whoever stored it', async () => {
    await complained(34);
    await claims().claimNew([request('req_1', 10)], randomUUID());
    await claims().claimNew([request('req_2', 10)], randomUUID());
    const { rows } = await database.pool.query<{ ms: number }>(
      `select (extract(epoch from due_at - lag(due_at) over (order by due_at)) * 1000)::int as ms from messages
       where status = 'scheduled' order by due_at offset 1`,
    );
    expect(rows).toHaveLength(18);
    expect(new Set(rows.map(({ ms }) => ms))).toEqual(new Set([1_000]));
  });

  it('takes no second place when its record comes again', async () => {
    await complained(34);
    const next = async () =>
      (await database.pool.query<{ at: string }>('select next_at::text as at from sender_paces')).rows[0]?.at;
    await claims().claimNew([request('req_1', 10)], randomUUID());
    const before = await next();
    expect((await claims().claimNew([request('req_1', 10)], randomUUID())).claimed).toHaveLength(0);
    expect(await next()).toBe(before);
  });

  it('is slowed at that provider and for that domain and account alone', async () => {
    await complained(34);
    const others = [
      request('req_1', 5, {}, 'outlook.com'),
      request('req_2', 5, { from: 'news@other.example' }),
      request('req_3', 5, { accountId: 'acme' }),
    ];
    expect((await claims().claimNew(others, randomUUID())).claimed).toHaveLength(15);
  });

  it.each(['transactional', 'otp'] as const)('is no reason to slow %s mail', async (messageClass) => {
    await complained(34);
    const asked = [request('req_1', 5, { class: messageClass })];
    expect((await claims().claimNew(asked, randomUUID())).claimed).toHaveLength(5);
    expect((await claims('email-send').claimNew([request('req_2', 5)], randomUUID())).claimed).toHaveLength(5);
  });

  it('is slowed when its own time has come, once', async () => {
    await complained(34);
    await claims().claimNew([request('req_1', 5, { sendAt: '2100-01-01T00:00:00Z' })], randomUUID());
    const ids = (await waiting('req_1')).map(({ id }) => id);
    expect((await waiting('req_1')).map(({ reason }) => reason)).toEqual(Array(5).fill(null));
    const timeComes = () => database.pool.query(`update messages set due_at = now() where status = 'scheduled'`);
    await timeComes();
    const process = claims();
    expect(await process.claimDue(ids, randomUUID())).toHaveLength(1);
    expect((await waiting('req_1')).map(({ reason }) => reason)).toEqual(Array(4).fill(slowedAt('0.34', '0.30')));
    await timeComes();
    expect(await process.claimDue(ids, randomUUID())).toHaveLength(4);
  });

  it('is looked up once for many batches', async () => {
    let asked = 0;
    const counting: Pool = {
      query: (text, values) => {
        if (text.includes('sender_statistics')) asked += 1;
        return database.pool.query(text, values);
      },
      transaction: (work) => database.pool.transaction(work),
      end: () => Promise.resolve(),
    };
    const process = claimsOn(counting, 'email-send-bulk', weighing, routingOn(database.pool, weighing), {
      load: () => Promise.reject(new TypeError('no heavy content here')),
    });
    for (let n = 0; n < 5; n += 1) await process.claimNew([request(`req_${n}`, 1)], randomUUID());
    expect(asked).toBe(1);
  });
});
