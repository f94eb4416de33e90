import type { ClaimedMessage } from '../../../consumers/email-send/deliver-messages.ts';
import type { Delivery, EspLimits, MailContent } from '../../../shared/esp/esp.ts';

/** What deliveries of tests share unless they bring their own. */
export const aContent: MailContent = {
  from: { email: 'news@acme.example' },
  subject: 'Hello',
  text: 'Hi',
  headers: {},
  tags: [],
  attachments: [],
};

export const aDelivery = (name: string, more: Partial<Delivery> = {}): Delivery => ({
  messageId: `msg_${name}`,
  attemptId: `${name}.1`,
  to: { email: `${name}@example.org` },
  cc: [],
  bcc: [],
  content: aContent,
  values: {},
  metadata: {},
  ...more,
});

export const aClaim = (
  name: string,
  candidates: readonly string[],
  more: Partial<ClaimedMessage> = {},
): ClaimedMessage => ({
  id: name,
  delivery: aDelivery(name),
  leaseToken: 'lease',
  messageClass: 'transactional',
  attempt: 1,
  createdAtMs: 0,
  candidates,
  isAnyLeftOut: false,
  ...more,
});

export const someLimits: EspLimits = {
  deliveriesPerCall: 100,
  bytesPerCall: 1_000_000,
  oneContentPerCall: false,
  concurrentCalls: 2,
};
