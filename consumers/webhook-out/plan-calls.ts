import { createHash } from 'node:crypto';
import type { OutcomeRecord } from '../../shared/contracts/outcome.ts';
import { messageUuid } from '../../shared/domain/request-ids.ts';

/** An endpoint as far as it decides what it hears. */
export interface Hearer {
  readonly id: string;
  readonly accountId: string;
  readonly events: readonly string[];
  readonly batched: boolean;
}

/** What one call tells of one message; its address is read when the call is made. */
export interface ToldEvent {
  readonly id: string;
  readonly messageId: string | undefined;
  readonly status: string;
  readonly esp: string;
  readonly at: string;
  readonly reason: string | null;
}

export interface PlannedCall {
  readonly id: string;
  readonly endpointId: string;
  readonly accountId: string;
  readonly webhookId: string;
  readonly type: string;
  readonly events: readonly ToldEvent[];
}

const eventsPerCall = 100;

const callId = (endpointId: string, ids: readonly string[]): string =>
  `call_${createHash('sha256')
    .update([endpointId, ...ids].join('\n'))
    .digest('hex')
    .slice(0, 32)}`;

/**
 * The calls that outcomes make at endpoints. Their ids follow from what they tell, so the same outcomes read again make no
 * other calls, and a single event's `webhook-id` is the event's own id.
 */
export const planCalls = (outcomes: readonly OutcomeRecord[], hearers: readonly Hearer[]): PlannedCall[] => {
  return hearers.flatMap(({ id: endpointId, accountId, events, batched }) => {
    const wanted = new Set(events);
    const seen = new Set<string>();
    const told = outcomes.flatMap((outcome): ToldEvent[] => {
      const { id, messageId, status, esp, at, reason } = outcome;
      if (outcome.accountId !== accountId || !wanted.has(status) || seen.has(id)) return [];
      seen.add(id);
      return [{ id, messageId: messageUuid(messageId), status, esp, at, reason }];
    });
    const size = batched ? eventsPerCall : 1;
    return Array.from({ length: Math.ceil(told.length / size) }, (_, index) => {
      const part = told.slice(index * size, (index + 1) * size);
      const ids = part.map(({ id }) => id);
      const id = callId(endpointId, ids);
      return {
        ...{ id, endpointId, accountId, events: part },
        webhookId: batched ? id : (ids[0] ?? id),
        type: batched ? 'outcomes' : `message.${part[0]?.status ?? ''}`,
      };
    });
  });
};
