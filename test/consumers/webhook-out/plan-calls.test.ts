import { describe, expect, it } from '@jest/globals';
import { planCalls } from '../../../consumers/webhook-out/plan-calls.ts';
import type { OutcomeRecord } from '../../../shared/contracts/outcome.ts';

const uuid = (index: number): string => `01890000-0000-7000-8000-${String(index).padStart(12, '0')}`;
const outcome = (index: number, more: Partial<OutcomeRecord> = {}): OutcomeRecord => ({
  ...{ id: `out_${index}`, messageId: `msg_${uuid(index)}`, requestId: 'req_1', email: 'ann@example.org' },
  ...{ status: 'sent', esp: 'ses', at: '2026-01-01T00:00:00.000Z', reason: null, accountId: 'acme' },
  ...more,
});
const hearer = { id: 'whk_1', accountId: 'acme', events: ['sent', 'bounced'], batched: false };

describe('Calls of webhooks', () => {
  it('are one an event, named by the event, for endpoints of its account that want its state', () => {
    const outcomes = [outcome(1), outcome(2, { status: 'delivered' }), outcome(3, { accountId: 'globex' }), outcome(1)];
    const calls = planCalls(outcomes, [hearer, { ...hearer, id: 'whk_2', events: ['delivered'] }]);
    expect(calls.map(({ endpointId, webhookId, type }) => [endpointId, webhookId, type])).toEqual([
      ['whk_1', 'out_1', 'message.sent'],
      ['whk_2', 'out_2', 'message.delivered'],
    ]);
  });

  it('carry up to a hundred where that is wanted', () => {
    const outcomes = Array.from({ length: 250 }, (_, index) => outcome(index));
    const calls = planCalls(outcomes, [{ ...hearer, batched: true }]);
    expect(calls.map(({ events }) => events.length)).toEqual([100, 100, 50]);
    expect(calls.every(({ id, webhookId, type }) => webhookId === id && type === 'outcomes')).toBe(true);
  });

  it('have the same ids when the same is read again, and hold no address', () => {
    const again = () => planCalls([outcome(1), outcome(2)], [hearer]);
    expect(again()).toEqual(again());
    expect(JSON.stringify(again())).not.toContain('ann@');
  });
});
