import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import {
  eventKey,
  findMessages,
  insertEvents,
  lockMessages,
  updateMessageStates,
  type EventRow,
} from '../../../shared/db/store-events.ts';
import { waitFor } from '../../support/wait-for.ts';
import { aMessage, alterMessage, openTransaction, storedMessage, useDatabase, waitingBackends } from './tables.ts';

const database = useDatabase();
const today = new Date().toISOString().slice(0, 10);

const anEvent = (more: Partial<EventRow> = {}): EventRow => ({
  esp: 'sendgrid',
  day: today,
  hash: randomUUID(),
  messageId: undefined,
  type: 'delivered',
  at: new Date(),
  domain: 'example.org',
  bounceClass: undefined,
  machine: false,
  reason: undefined,
  raw: undefined,
  ...more,
});
const countEvents = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ n: string }>('select count(*) as n from events');
  return Number(rows[0]?.n);
};
const store = async (more: Parameters<typeof aMessage>[0] = {}): Promise<string> => {
  const message = aMessage(more);
  await insertAndClaim(database.pool, [message], randomUUID());
  return message.id;
};

describe('Events', () => {
  it('are stored once, in one batch or in many', async () => {
    const [one, other] = [anEvent(), anEvent()];
    expect(await insertEvents(database.pool, [one, other, one, one])).toEqual(
      new Set([eventKey(one), eventKey(other)]),
    );
    expect(await insertEvents(database.pool, [other, one])).toEqual(new Set());
    expect(await countEvents()).toBe(2);
  });

  it('of another ESP or day are others', async () => {
    const event = anEvent();
    const others = [event, { ...event, esp: 'postmark' }, { ...event, day: '2020-02-29' }];
    expect(await insertEvents(database.pool, others)).toHaveProperty('size', 3);
  });

  it('of any day are kept, with a partition or without', async () => {
    const days = ['1970-01-01', today, '9999-12-31'];
    const keys = await insertEvents(
      database.pool,
      days.map((day) => anEvent({ day, hash: '018bcfe5-6800-7abc-8def-0123456789ab' })),
    );
    expect([...keys].map((key) => key.split('\n')[1]).sort()).toEqual(days.sort());
  });

  it('are stored once by two processes at the same time', async () => {
    const shared = Array.from({ length: 50 }, () => anEvent());
    const first = await openTransaction(database.pool);
    const mine = await insertEvents(first.db, shared);
    const theirs = insertEvents(database.pool, [...shared, anEvent()]);
    await waitFor(async () => (await waitingBackends(database.pool)) > 0, { what: 'the second process waiting' });
    await first.commit();
    expect(mine.size).toBe(50);
    expect((await theirs).size).toBe(1);
    expect(await countEvents()).toBe(51);
  });

  it('keep what was told', async () => {
    const raw = { topic: 'webhook-ses', partition: 0, offset: '7', index: 3 };
    await insertEvents(database.pool, [
      anEvent({ reason: 'no "such" user, {x}', bounceClass: 'hard', machine: true, raw }),
    ]);
    const { rows } = await database.pool.query('select reason, bounce_class, machine, raw from events');
    expect(rows).toEqual([{ reason: 'no "such" user, {x}', bounce_class: 'hard', machine: true, raw }]);
  });
});

describe('What events make of messages', () => {
  const change = (id: string, more: object = {}) => ({
    ...{ id, status: 'delivered' as const, opens: 0, clicks: 0, unsubscribedAt: undefined, reason: undefined },
    ...more,
  });

  it('is locked in the order of ids, without those that nobody knows', async () => {
    const ids = await Promise.all([store(), store(), store()]);
    const locked = await database.pool.transaction((db) => lockMessages(db, [...ids, randomUUID()].reverse()));
    expect(locked.map(({ id }) => id)).toEqual([...ids].sort());
    expect(locked[0]).toMatchObject({
      status: 'sending',
      esp: 'sendgrid',
      accountId: 'admin',
      claimedAt: expect.any(Date),
    });
  });

  it('is written, and a message that waited to be sent again no longer waits', async () => {
    const id = await store();
    await alterMessage(database.pool, id, `status = 'unknown', due_at = now(), reason = 'timeout'`);
    await updateMessageStates(database.pool, [change(id, { opens: 2, clicks: 1 })]);
    expect(await storedMessage(database.pool, id)).toMatchObject({
      status: 'delivered',
      opens: 2,
      clicks: 1,
      due_in_ms: null,
      reason: 'timeout',
    });
  });

  it('keeps the first time somebody unsubscribed, and the newest reason', async () => {
    const id = await store();
    const first = new Date('2026-01-01T00:00:00Z');
    await updateMessageStates(database.pool, [change(id, { unsubscribedAt: first, reason: 'one' })]);
    await updateMessageStates(database.pool, [change(id, { unsubscribedAt: new Date(), reason: 'two' })]);
    expect(await storedMessage(database.pool, id)).toMatchObject({ unsubscribed_at: first, reason: 'two' });
  });
});

describe('An event without our ids', () => {
  const clue = (more: object = {}) => ({
    esp: 'sendgrid',
    recipient: 'ann@example.org',
    providerMessageId: undefined,
    at: new Date(),
    ...more,
  });

  it('finds the newest message to its recipient through its ESP', async () => {
    const older = await store();
    await alterMessage(database.pool, older, `created_at = now() - interval '1 h'`);
    const newest = await store();
    await store({ esp: 'postmark' });
    await store({ email: 'bob@example.org' });
    expect(
      await findMessages(database.pool, [
        clue(),
        clue({ recipient: 'nobody@example.org' }),
        clue({ recipient: 'Ann@Example.org' }),
      ]),
    ).toEqual([newest, undefined, newest]);
  });

  it('finds the message that the ESP’s id names, and no other', async () => {
    const meant = await store();
    await alterMessage(
      database.pool,
      meant,
      `provider_message_id = 'p-1', status = 'sent', created_at = now() - interval '1 h'`,
    );
    const other = await store();
    await alterMessage(database.pool, other, `provider_message_id = 'p-2', status = 'sent'`);
    expect(
      await findMessages(database.pool, [clue({ providerMessageId: 'p-1' }), clue({ providerMessageId: 'p-3' })]),
    ).toEqual([meant, undefined]);
  });

  it('finds nothing that is older than ESPs retry, or newer than the event', async () => {
    const id = await store();
    expect(await findMessages(database.pool, [clue({ at: new Date(Date.now() + 9 * 86_400_000) })])).toEqual([
      undefined,
    ]);
    expect(await findMessages(database.pool, [clue({ at: new Date(Date.now() - 600_000) })])).toEqual([undefined]);
    expect(await findMessages(database.pool, [clue({ at: new Date(Date.now() + 7 * 86_400_000) })])).toEqual([id]);
  });
});
