import { describe, expect, it } from '@jest/globals';
import { outcomeRecord, toldStates } from '../../../shared/contracts/outcome.ts';
import { messageStates } from '../../../shared/domain/message-state.ts';
import { outcomeIdOf, outcomeRecords } from '../../../shared/domain/outcome-records.ts';

const id = '01890000-0000-7000-8000-000000000001';
const change = {
  id,
  requestId: 'req_1',
  accountId: 'acme',
  email: 'ann@example.org',
  status: 'bounced',
  attempt: 2,
  esp: 'postmark',
  at: new Date('2026-01-02T03:04:05Z'),
  reason: 'No such user.',
};

describe('What is told about a message', () => {
  it('names it, its state, since when and why, under its own key', () => {
    const [record] = outcomeRecords('email-outcomes', [change]);
    expect(record).toMatchObject({ topic: 'email-outcomes', key: `msg_${id}` });
    expect(outcomeRecord.parse(JSON.parse(record?.value ?? ''))).toEqual({
      ...change,
      id: outcomeIdOf(id, 2, 'bounced'),
      messageId: `msg_${id}`,
      at: '2026-01-02T03:04:05.000Z',
      rank: 7,
    });
  });

  it('is every state but those before an ESP is met, and ranks as states do', () => {
    const told = messageStates.map((status) => ({ ...change, status }));
    const records = outcomeRecords('t', told).map(({ value }) => outcomeRecord.parse(JSON.parse(value)));
    expect(records.map(({ status }) => status)).toEqual(messageStates.slice(3));
    expect(records.map(({ rank }) => rank)).toEqual(toldStates.map((_, index) => index));
  });

  it('has an id that differs by message, attempt and state, and by nothing else', () => {
    const other = '01890000-0000-7000-8000-000000000002';
    const ids = [
      outcomeIdOf(id, 1, 'sent'),
      outcomeIdOf(id, 2, 'sent'),
      outcomeIdOf(id, 1, 'failed'),
      outcomeIdOf(other, 1, 'sent'),
    ];
    expect(new Set(ids).size).toBe(4);
    const again = outcomeRecords('t', [{ ...change, reason: 'other words', at: new Date(0) }]);
    expect(JSON.parse(again[0]?.value ?? '')).toMatchObject({ id: outcomeIdOf(id, 2, 'bounced') });
  });
});
