import { InvalidMessageError } from '../../errors.ts';
import { verifyBasicCredentials } from '../basic-credentials.ts';
import type { EspEvent, NoEvent, TranslateWebhook, VerifyWebhook } from '../esp.ts';
import { composedEventId } from '../event-id.ts';
import { isRecord, parseJson } from '../outcome-of.ts';
import {
  event,
  idText,
  ignored,
  lookUp,
  noEvent,
  parseWebhook,
  reasonText,
  recipientText,
  timeOf,
  translateItems,
  type Item,
  type Kind,
} from '../webhook-item.ts';
import { sparkpostIds } from './payload.ts';

// The test post on making or changing a webhook is a few bytes; a batch of events need not be parsed here to know it.
const longestPing = 256;

const isPing = (rawBody: Uint8Array): boolean => {
  if (rawBody.byteLength > longestPing) return false;
  const parsed = parseJson(Buffer.from(rawBody).toString('utf8'));
  if (!Array.isArray(parsed)) return false;
  return parsed.every((item: unknown) => {
    const msys = isRecord(item) ? item['msys'] : undefined;
    return isRecord(msys) && Object.keys(msys).length === 0;
  });
};

/** SparkPost signs nothing: the webhook is made with Basic credentials. `[{"msys":{}}]` is its test of the address. */
export const verifySparkpostWebhook = (credentials: {
  readonly user: string;
  readonly password: string;
}): VerifyWebhook => {
  const verify = verifyBasicCredentials(credentials);
  return (request) => verify(request) && (isPing(request.rawBody) ? { answer: '' } : true);
};

const hard = event('bounced', 'hard');
const soft = event('bounced', 'soft');

/** support.sparkpost.com "Bounce Classification Codes" */
const bounceClasses: Readonly<Record<string, Kind>> = {
  '10': hard,
  '30': hard,
  // Their own suppression list or policy: never tried.
  '25': event('failed'),
  '90': event('unsubscribed'),
  '60': ignored,
  '80': ignored,
  '100': ignored,
};

// 1, 20 to 24, 40, 50 to 54, 70 and whatever comes to be: none of them is the address's own and lasting fault.
const bounceKind = (item: Item): Kind => lookUp(bounceClasses, idText(item['bounce_class'])) ?? soft;

/** developers.sparkpost.com/api/webhooks, by `type`; the class around it adds nothing. */
const kinds: Readonly<Record<string, Kind | ((item: Item) => Kind)>> = {
  injection: ignored,
  delivery: event('delivered'),
  delay: event('deferred'),
  bounce: bounceKind,
  out_of_band: bounceKind,
  generation_failure: event('failed'),
  generation_rejection: event('failed'),
  policy_rejection: event('failed'),
  open: event('opened'),
  initial_open: event('opened'),
  amp_open: event('opened'),
  amp_initial_open: event('opened'),
  click: event('clicked'),
  amp_click: event('clicked'),
  // RFC 6430: somebody took a complaint back.
  spam_complaint: ({ fbtype }) => (fbtype === 'not-spam' ? ignored : event('complained')),
  list_unsubscribe: event('unsubscribed'),
  link_unsubscribe: event('unsubscribed'),
};

// Of mail that comes in, of tests and of uploads; by the class or, where a class is new, by the type.
const isForeign = (text: string): boolean => /^(relay|ab_test|ingest)_/.test(text);
const copyTypes: readonly unknown[] = ['cc', 'bcc', 'archive'];

const read = (outer: Item, index: number): EspEvent | NoEvent => {
  const msys = isRecord(outer['msys']) ? outer['msys'] : undefined;
  if (msys === undefined) return noEvent('unreadable', index, 'no msys');
  // A sibling `cust` may stand beside the event.
  const [className, item] = Object.entries(msys).find(([name]) => name.endsWith('_event')) ?? [];
  if (className === undefined) return noEvent('ignored', index, 'no event');
  if (!isRecord(item)) return noEvent('unreadable', index, `${className} is not an object`);
  const name = idText(item['type']) ?? '';
  if (isForeign(className) || isForeign(name)) return noEvent('ignored', index, `${className} ${name}`);
  const entry = lookUp(kinds, name);
  if (entry === undefined) return noEvent('unreadable', index, `unknown event ${className} ${name}`);
  const kind = typeof entry === 'function' ? entry(item) : entry;
  if (kind.kind === 'ignored') return noEvent('ignored', index, name);
  const own = isRecord(item['rcpt_meta']) ? item['rcpt_meta'] : {};
  if (own[sparkpostIds.copyOf] !== undefined || copyTypes.includes(item['rcpt_type'])) {
    return noEvent('ignored', index, `${name} of a copy`);
  }
  const at = timeOf(item['timestamp']);
  if (at === undefined) return noEvent('unreadable', index, `${name} without a usable timestamp`);

  const recipient = recipientText(item['raw_rcpt_to'] ?? item['rcpt_to']);
  const providerMessageId = idText(item['transmission_id']);
  const messageId = idText(own[sparkpostIds.messageId]);
  const what = idText(item['target_link_url']) ?? idText(item['bounce_class']);
  const tellsReason = kind.type === 'bounced' || kind.type === 'failed' || kind.type === 'deferred';
  return {
    type: kind.type,
    id:
      idText(item['event_id']) ??
      composedEventId(['sparkpost', name, messageId ?? providerMessageId, recipient?.toLowerCase(), at, what]),
    at,
    index,
    recipient,
    messageId,
    attemptId: idText(own[sparkpostIds.attemptId]),
    providerMessageId,
    bounceClass: kind.bounceClass,
    reason: tellsReason ? reasonText(item['reason'] ?? item['raw_reason']) : undefined,
  };
};

/** SparkPost's batch of events → our events. Throws `InvalidMessageError` when the body is no JSON array. */
export const translateSparkpostWebhook: TranslateWebhook = (rawBody) => {
  const body = parseWebhook(rawBody);
  if (!Array.isArray(body)) throw new InvalidMessageError('webhook-shape', "SparkPost's webhook body is not an array");
  return translateItems(body, read);
};
