import type { DeliveryType } from '../contracts/delivery.ts';

/** Everything a message can be (`contract` §3), from the least to the most that is known of its fate. */
export const messageStates = [
  'queued',
  'scheduled',
  'sending',
  'unknown',
  'sent',
  'deferred',
  'failed',
  'suppressed',
  'cancelled',
  'delivered',
  'bounced',
  'complained',
] as const;
export type MessageState = (typeof messageStates)[number];

const rank = (state: MessageState): number => messageStates.indexOf(state);

/** What an event proves at least. Opens, clicks and unsubscribes are counted beside the state, but prove acceptance. */
const provenBy: Readonly<Record<DeliveryType, MessageState>> = {
  deferred: 'deferred',
  failed: 'failed',
  delivered: 'delivered',
  bounced: 'bounced',
  complained: 'complained',
  opened: 'sent',
  clicked: 'sent',
  unsubscribed: 'sent',
};

/**
 * The state after an event. It only ever rises, so the order in which events arrive does not matter: a late bounce or
 * complaint overrides `delivered`, and nothing overrides a complaint.
 */
export const stateAfter = (state: MessageState, event: DeliveryType): MessageState => {
  const proven = provenBy[event];
  return rank(proven) > rank(state) ? proven : state;
};

/** States in which nothing more is to be done; `sent` is one, since SMTP and silent losses never say more. */
export const isFinal = (state: MessageState): boolean => rank(state) >= rank('sent') && state !== 'deferred';

/** States in which nobody knows yet that an ESP has the message. */
export const isUnsettled = (state: MessageState): boolean => rank(state) < rank('sent');
