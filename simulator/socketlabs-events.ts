import type { HappeningKind } from './outcomes.ts';
import type { SimulatedEsp, WireEvent } from './simulated-esp.ts';

type Words = Readonly<Record<string, unknown>>;

const browser = { ClientIp: '203.0.113.7', UserAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)' };
const failures = {
  hard: { FailureType: 1, FailureCode: 2001, BounceStatus: '5.1.1', Reason: 'The account does not exist' },
  soft: { FailureType: 0, FailureCode: 3001, BounceStatus: '4.2.2', Reason: 'The mailbox is full' },
} as const;

const shapes: Readonly<Record<HappeningKind, (event: WireEvent) => Words>> = {
  delivered: () => ({ Type: 'Delivered', Response: '250 2.0.0 OK', LocalIp: '192.0.2.25', RemoteMta: 'mx.example' }),
  bounced: ({ bounceClass = 'hard', message }) => ({
    Type: 'Failed',
    FromAddress: message.from,
    RemoteMta: 'mx.example',
    DiagnosticCode: `smtp; ${failures[bounceClass].BounceStatus}`,
    ...failures[bounceClass],
  }),
  opened: () => ({ Type: 'Tracking', TrackingType: 1, Url: '', ...browser }),
  clicked: () => ({ Type: 'Tracking', TrackingType: 0, Url: 'https://link.example/', ...browser }),
  complained: ({ message }) => ({
    Type: 'Complaint',
    FblType: 'abuse',
    UserAgent: 'mailbox.example',
    From: message.from,
    To: message.email,
    Length: 1_024,
  }),
  unheardOf: () => ({ Type: 'Levitated' }),
};

/** SocketLabs' webhooks: one event a post, with the secret key in the body. */
export const socketlabsWebhook = (secretKey: string | undefined): SimulatedEsp['webhook'] => ({
  eventsPerPost: 1,
  flushMs: 50,
  encode: (events, now) => {
    const [event] = events;
    const body = event && {
      ...shapes[event.kind](event),
      // Seven fractional digits.
      DateTime: now.toISOString().replace('Z', '0000Z'),
      ServerId: 10_001,
      SubaccountId: 1,
      IpPoolId: 1,
      SecretKey: secretKey ?? '',
      Address: event.message.email,
      MailingId: event.message.providerMessageId,
      MessageId: event.message.providerMessageId,
      WebhookEndpointName: 'simulator',
      Data: {
        Meta: Object.entries(event.message.own).map(([Key, Value]) => ({ Key, Value })),
        Tags: event.message.tags,
      },
    };
    const headers = { 'content-type': 'application/json', 'user-agent': 'SocketLabs' };
    return { headers, body: Buffer.from(JSON.stringify(body ?? {})) };
  },
  // SocketLabs' schedule is unknown; these steps are ours.
  retryDelaysMs: [1, 5, 15, 30, 60].map((minutes) => minutes * 60_000),
  judge: (status) => (status >= 200 && status < 300 ? 'done' : 'again'),
});
