import { sign, type KeyObject } from 'node:crypto';
import type { HappeningKind } from './outcomes.ts';
import type { SimulatedEsp, WireEvent } from './simulated-esp.ts';

const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148';
const browser = { useragent: phone, ip: '203.0.113.7' };
const ip = '192.0.2.25';

const bounces = {
  soft: { event: 'bounce', type: 'blocked', status: '4.2.2', reason: '452 4.2.2 The mailbox is full', tls: 1, ip },
  hard: {
    event: 'bounce',
    type: 'bounce',
    status: '5.1.1',
    reason: '550 5.1.1 The account does not exist',
    tls: 1,
    ip,
  },
};
const delivered = { event: 'delivered', response: '250 2.0.0 OK', tls: 1, ip };
const opened = { event: 'open', sg_machine_open: false, sg_content_type: 'html', ...browser };
const clicked = { event: 'click', url: 'https://link.example/', url_offset: { index: 0, type: 'html' }, ...browser };
const complained = { event: 'spamreport' };

const details: Readonly<Record<HappeningKind, (event: WireEvent) => Readonly<Record<string, unknown>>>> = {
  delivered: () => delivered,
  bounced: ({ bounceClass = 'hard' }) => bounces[bounceClass],
  opened: () => opened,
  clicked: () => clicked,
  complained: () => complained,
  unheardOf: () => ({ event: 'levitated' }),
};

const inside = (value: object): string => JSON.stringify(value).slice(1, -1);
const isReserved = (name: string): boolean =>
  ['email', 'timestamp', 'smtp-id', 'event', 'category', 'sg_event_id', 'sg_message_id', 'type', 'reason'].includes(
    name,
  );

/** The caller's own data stands beside SendGrid's fields, which win over it. */
const ownText = (own: Readonly<Record<string, string>>): string =>
  inside(
    Object.keys(own).some(isReserved)
      ? Object.fromEntries(Object.entries(own).filter(([name]) => !isReserved(name)))
      : own,
  );

// Put together as text: merging objects of ever different keys is the dearest part of a simulated send.
const eventText = (event: WireEvent, seconds: number): string => {
  const { message, eventId } = event;
  const { email, tags, providerMessageId, own } = message;
  const common = {
    email,
    timestamp: seconds,
    'smtp-id': `<${providerMessageId}@geopod-ismtpd-0>`,
    sg_event_id: eventId,
    sg_message_id: `${providerMessageId}.filterdrecv-5d4f7c9b-0`,
    category: tags.length > 1 ? tags : tags[0],
  };
  const parts = [inside(common), inside(details[event.kind](event)), ownText(own)];
  return `{${parts.filter((part) => part !== '').join(',')}}`;
};

/** SendGrid's event webhook: arrays with CRLF between the events, signed when the account has a key. */
export const sendgridWebhook = (key: KeyObject | undefined): SimulatedEsp['webhook'] => ({
  eventsPerPost: 500,
  flushMs: 200,
  encode: (events, now) => {
    const seconds = Math.floor(now.getTime() / 1000);
    const body = Buffer.from(`[${events.map((event) => eventText(event, seconds)).join(',\r\n')}]\r\n`);
    const signature =
      key === undefined
        ? undefined
        : sign('sha256', Buffer.concat([Buffer.from(String(seconds)), body]), key).toString('base64');
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'SendGrid Event API',
      ...(signature === undefined
        ? {}
        : {
            'x-twilio-email-event-webhook-signature': signature,
            'x-twilio-email-event-webhook-timestamp': String(seconds),
          }),
    };
    return { headers, body };
  },
  // "Retried for up to 24 h"; the steps are ours.
  retryDelaysMs: [1, 5, 15, 30, 60, 120, 240, 480, 480].map((minutes) => minutes * 60_000),
  judge: (status) => (status >= 200 && status < 300 ? 'done' : 'again'),
});
