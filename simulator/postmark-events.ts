import type { HappeningKind } from './outcomes.ts';
import type { SimulatedEsp, WireEvent } from './simulated-esp.ts';

type Shape = (event: WireEvent, at: string) => Readonly<Record<string, unknown>>;

// Postmark names a bounce by a number of its own.
const bounceId = ({ eventId }: WireEvent): number => parseInt(eventId.replaceAll('-', '').slice(0, 12), 16);

const bounce =
  (recordType: string, words: (event: WireEvent) => Readonly<Record<string, unknown>>): Shape =>
  (event, at) => ({
    RecordType: recordType,
    ID: bounceId(event),
    Email: event.message.email,
    From: event.message.from,
    Subject: event.message.subject,
    BouncedAt: at,
    DumpAvailable: true,
    ...words(event),
  });

const reader = {
  UserAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)',
  Platform: 'Desktop',
  Client: { Name: 'Apple Mail', Company: 'Apple Inc.', Family: 'Apple Mail' },
  OS: { Name: 'OS X', Company: 'Apple Inc.', Family: 'OS X' },
  Geo: {},
};

const shapes: Readonly<Record<HappeningKind, Shape>> = {
  delivered: ({ message }, at) => ({
    RecordType: 'Delivery',
    Recipient: message.email,
    DeliveredAt: at,
    Details: 'smtp;250 2.0.0 OK',
  }),
  bounced: bounce('Bounce', ({ bounceClass }) =>
    bounceClass === 'soft'
      ? {
          Type: 'SoftBounce',
          TypeCode: 4096,
          Name: 'Soft bounce',
          Inactive: false,
          CanActivate: true,
          Description: 'The mailbox is full.',
          Details: 'smtp;452 4.2.2 Mailbox full',
        }
      : {
          Type: 'HardBounce',
          TypeCode: 1,
          Name: 'Hard bounce',
          Inactive: true,
          CanActivate: true,
          Description: 'The address does not exist.',
          Details: 'smtp;550 5.1.1 No such user',
        },
  ),
  opened: ({ message }, at) => ({
    RecordType: 'Open',
    Recipient: message.email,
    ReceivedAt: at,
    FirstOpen: true,
    ...reader,
  }),
  clicked: ({ message }, at) => ({
    RecordType: 'Click',
    Recipient: message.email,
    ReceivedAt: at,
    ClickLocation: 'HTML',
    OriginalLink: 'https://link.example/',
    ...reader,
  }),
  complained: bounce('SpamComplaint', () => ({
    Type: 'SpamComplaint',
    TypeCode: 100001,
    Name: 'Spam complaint',
    Inactive: true,
    CanActivate: false,
    Description: 'The recipient marked the message as spam.',
    Details: '',
  })),
  unheardOf: ({ message }, at) => ({ RecordType: 'Levitation', Recipient: message.email, LevitatedAt: at }),
};

// Postmark's times have seven fractional digits.
const postmarkTime = (now: Date): string => now.toISOString().replace('Z', '0000Z');

/** Postmark's webhooks: one record a post, with the Basic credentials of the webhook's address. */
export const postmarkWebhook = (
  credentials: { user: string; password: string } | undefined,
): SimulatedEsp['webhook'] => {
  const basic =
    credentials === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}` };
  return {
    eventsPerPost: 1,
    flushMs: 50,
    encode: (events, now) => {
      const [event] = events;
      const record = event && {
        ...shapes[event.kind](event, postmarkTime(now)),
        MessageID: event.message.providerMessageId,
        ServerID: 1,
        MessageStream: 'outbound',
        Tag: event.message.tags[0] ?? '',
        Metadata: event.message.own,
      };
      const headers = { 'content-type': 'application/json', 'user-agent': 'Postmark', ...basic };
      return { headers, body: Buffer.from(JSON.stringify(record ?? {})) };
    },
    retryDelaysMs: [1, 5, 10, 10, 10, 15, 30, 60, 120, 360].map((minutes) => minutes * 60_000),
    judge: (status) => (status === 200 ? 'done' : status === 403 ? 'stop' : 'again'),
  };
};
