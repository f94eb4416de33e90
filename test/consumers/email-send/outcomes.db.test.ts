import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { EndedAttempt } from '../../../consumers/email-send/deliver-messages.ts';
import { portsOn } from '../../../consumers/email-send/consumer-ports.ts';
import { outcomeRecord } from '../../../shared/contracts/outcome.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { takeOutbox } from '../../../shared/db/outbox.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import type { TellableRow } from '../../../shared/runtime/teller.ts';
import { aMessage, alterMessage, aRequest, storedMessage, useDatabase } from '../../shared/db/tables.ts';
import { aDelivery } from './deliveries.ts';

const database = useDatabase();
const leaseToken = randomUUID();
const world = () => {
  const told: TellableRow[] = [];
  const ports = portsOn(
    database.pool,
    [],
    { metrics: createMetrics('test'), log: createLog({ name: 'test', level: 'silent' }) },
    { latest: () => ({}), limitsOf: () => undefined },
    {
      ...{ roundSeconds: 5, patienceMs: 20_000 },
      telling: { topic: 'email-outcomes', tell: (rows) => told.push(...rows) },
    },
  );
  return { ports, told };
};
const ended = (id: string, answer: EndedAttempt['answer'], step: EndedAttempt['step']): EndedAttempt => ({
  message: {
    ...{ id, leaseToken, messageClass: 'transactional', attempt: 1, createdAtMs: 0 },
    ...{ candidates: ['sendgrid'], isAnyLeftOut: false, delivery: aDelivery(id) },
  },
  ...{ esp: 'sendgrid', answer, step },
});
const accepted = { outcome: 'accepted', providerMessageId: 'p' } as const;
const refused = { outcome: 'recipient-refused', code: '550', detail: 'No.' } as const;
const valuesOf = (rows: readonly TellableRow[]) =>
  rows.flatMap(({ records }) => records.map(({ value }) => outcomeRecord.parse(JSON.parse(value.toString()))));

describe('What ESPs answered', () => {
  it('is told by one row of the outbox, which is there before anybody publishes it', async () => {
    const { ports, told } = world();
    await insertRequests(database.pool, [aRequest('req_1', { total: 5 })]);
    const messages = Array.from({ length: 5 }, (_, position) => aMessage({ position }));
    const [sent, failed, unknown, retried, moved] = messages.map(({ id }) => id) as [
      string,
      string,
      string,
      string,
      string,
    ];
    await insertAndClaim(database.pool, messages, leaseToken);
    // A webhook came first, and has been told of.
    await alterMessage(database.pool, moved, `status = 'delivered'`);
    await ports.record([
      ended(sent, accepted, { kind: 'sent', providerMessageId: 'p' }),
      ended(failed, refused, { kind: 'failed', reason: 'The recipient was refused.', error: 'sendgrid: No. (550)' }),
      ended(unknown, accepted, { kind: 'unknown', windowMs: 60_000, error: 'sendgrid: timeout' }),
      ended(retried, accepted, { kind: 'retry', delayMs: 60_000, error: 'sendgrid: busy' }),
      ended(moved, accepted, { kind: 'sent', providerMessageId: 'p' }),
    ]);
    await ports.close();
    expect(told).toHaveLength(1);
    const values = valuesOf(told);
    expect(values.map(({ messageId, status, reason }) => [messageId, status, reason])).toEqual([
      [`msg_${sent}`, 'sent', null],
      [`msg_${failed}`, 'failed', 'The recipient was refused. sendgrid: No. (550)'],
      [`msg_${unknown}`, 'unknown', 'sendgrid: timeout'],
    ]);
    for (const { messageId, status, reason } of values) {
      expect(await storedMessage(database.pool, messageId.slice(4))).toMatchObject({ status, reason });
    }
    // Its writer may be dead: the sweeper finds it when the writer's time is over, and not before.
    expect(await takeOutbox(database.pool, 10)).toEqual([]);
    await database.pool.query('update outbox set due_at = now()');
    expect(valuesOf(await takeOutbox(database.pool, 10))).toEqual(values);
  });

  it('is not told where the lease was lost: whoever took it tells', async () => {
    const { ports, told } = world();
    await insertRequests(database.pool, [aRequest('req_1')]);
    const message = aMessage();
    await insertAndClaim(database.pool, [message], randomUUID());
    await ports.record([ended(message.id, accepted, { kind: 'sent', providerMessageId: 'p' })]);
    await ports.close();
    expect(told).toEqual([]);
    expect(await takeOutbox(database.pool, 10)).toEqual([]);
  });
});
