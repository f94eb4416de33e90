import { publicMessageId } from '../../shared/domain/request-ids.ts';
import { erasedAddress } from '../../shared/domain/erase-from-payload.ts';

/** A call as its row has it. */
export interface CallContent {
  readonly type: string;
  readonly createdAt: Date;
  readonly events: readonly {
    readonly id: string;
    readonly messageId?: string | undefined;
    readonly status: string;
    readonly esp: string;
    readonly at: string;
    readonly reason: string | null;
  }[];
}

/** Whom a message went to. */
export interface ToldMessage {
  readonly requestId: string;
  readonly email: string;
}

/**
 * The body of a call, in the form of Standard Webhooks: `{ type, timestamp, data }`. One event's data is the event and its
 * timestamp the event's; `outcomes` carries a list. The same row and messages make the same body.
 */
export const bodyOfCall = (call: CallContent, messages: ReadonlyMap<string, ToldMessage>): string => {
  const data = call.events.map(({ messageId = '', ...event }) => {
    const { requestId, email } = messages.get(messageId) ?? { requestId: '', email: erasedAddress };
    const { id, status, esp, at, reason } = event;
    return { id, messageId: publicMessageId(messageId), requestId, email, status, esp, at, reason };
  });
  const made = call.createdAt.toISOString();
  if (call.type === 'test') return JSON.stringify({ type: 'test', timestamp: made, data: {} });
  if (call.type === 'outcomes') return JSON.stringify({ type: 'outcomes', timestamp: made, data });
  return JSON.stringify({ type: call.type, timestamp: data[0]?.at ?? made, data: data[0] });
};
