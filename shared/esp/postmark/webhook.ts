import { InvalidMessageError } from '../../errors.ts';
import { verifyBasicCredentials } from '../basic-credentials.ts';
import type { EspEvent, NoEvent, TranslateWebhook } from '../esp.ts';
import { composedEventId } from '../event-id.ts';
import { isRecord } from '../outcome-of.ts';
import { isOfCopy } from '../own-data.ts';
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
import { postmarkIds } from './payload.ts';

/** Postmark signs nothing: the webhook's address carries Basic credentials. */
export const verifyPostmarkWebhook = verifyBasicCredentials;

const hard = event('bounced', 'hard');
const soft = event('bounced', 'soft');

/** BounceType of Postmark's SDK: the code, its name, and what it is to us. */
const bounceTypes: readonly (readonly [code: number, name: string, kind: Kind])[] = [
  [1, 'HardBounce', hard],
  [100000, 'BadEmailAddress', hard],
  [4096, 'SoftBounce', soft],
  [100006, 'Blocked', soft],
  [100009, 'DMARCPolicy', soft],
  [8192, 'VirusNotification', soft],
  [2048, 'Unknown', soft],
  // Postmark goes on trying.
  [2, 'Transient', event('deferred')],
  [256, 'DnsError', event('deferred')],
  [512, 'SpamNotification', event('complained')],
  [100001, 'SpamComplaint', event('complained')],
  [16, 'Unsubscribe', event('unsubscribed')],
  [100002, 'ManuallyDeactivated', event('failed')],
  [100007, 'SMTPApiError', event('failed')],
  [100010, 'TemplateRenderingFailed', event('failed')],
  [64, 'AutoResponder', ignored],
  [32, 'Subscribe', ignored],
  [128, 'AddressChange', ignored],
  [16384, 'ChallengeVerification', ignored],
  [1024, 'OpenRelayTest', ignored],
];
const bounceByName = Object.fromEntries(bounceTypes.map(([, name, kind]) => [name, kind]));
const bounceByCode = Object.fromEntries(bounceTypes.map(([code, , kind]) => [String(code), kind]));

const bounceKind = (item: Item): Kind | undefined =>
  lookUp(bounceByName, item['Type']) ?? lookUp(bounceByCode, String(idText(item['TypeCode'])));

const suppressionKinds: Readonly<Record<string, Kind>> = {
  HardBounce: hard,
  SpamComplaint: event('complained'),
  ManualSuppression: event('unsubscribed'),
};

interface RecordShape {
  readonly kind: (item: Item) => Kind | undefined;
  readonly time: string;
  /** What tells two of a kind apart that share message, recipient and time. */
  readonly detail?: string;
}

const records: Readonly<Record<string, RecordShape>> = {
  Delivery: { kind: () => event('delivered'), time: 'DeliveredAt' },
  Open: { kind: () => event('opened'), time: 'ReceivedAt' },
  Click: { kind: () => event('clicked'), time: 'ReceivedAt', detail: 'OriginalLink' },
  SpamComplaint: { kind: () => event('complained'), time: 'BouncedAt' },
  Bounce: { kind: bounceKind, time: 'BouncedAt', detail: 'Type' },
  SubscriptionChange: {
    kind: (item) => (item['SuppressSending'] === true ? lookUp(suppressionKinds, item['SuppressionReason']) : ignored),
    time: 'ChangedAt',
    detail: 'SuppressionReason',
  },
};

// A manual suppression belongs to no message and says so in either of two ways.
const providerIdOf = (item: Item): string | undefined => {
  const id = idText(item['MessageID']);
  return id === undefined || /^[0-]+$/.test(id) ? undefined : id;
};

const reasonOf = (item: Item): string | undefined => {
  const words = [item['Description'], item['Details']].flatMap((part) => reasonText(part) ?? []);
  return reasonText([...new Set(words)].join(' - '));
};

const read = (item: Item, index: number): EspEvent | NoEvent => {
  const name = item['RecordType'];
  const shape = lookUp(records, name);
  const kind = shape?.kind(item);
  if (shape === undefined || kind === undefined) {
    const type = idText(item['Type'] ?? item['SuppressionReason']) ?? '';
    return noEvent('unreadable', index, `unknown record ${String(idText(name))} ${type}`);
  }
  if (kind.kind === 'ignored') return noEvent('ignored', index, `${String(name)} ${idText(item['Type']) ?? ''}`);
  const at = timeOf(item[shape.time]);
  // An unsubscribe by mail was seen as a bounce without time and address; it happened when it came.
  const isTimeless = name === 'Bounce' && idText(item[shape.time]) === undefined;
  if (at === undefined && !isTimeless)
    return noEvent('unreadable', index, `${String(name)} without a usable ${shape.time}`);

  const own = isRecord(item['Metadata']) ? item['Metadata'] : {};
  const recipient = recipientText(item['Recipient'] ?? item['Email']);
  if (isOfCopy(recipientText(own[postmarkIds.to]), recipient)) {
    return noEvent('ignored', index, `${String(name)} of a copy`);
  }
  const providerMessageId = providerIdOf(item);
  const messageId = idText(own[postmarkIds.messageId]);
  const detail = shape.detail === undefined ? undefined : idText(item[shape.detail]);
  const bounceId = idText(item['ID']);
  const tellsReason = kind.type === 'bounced' || kind.type === 'failed' || kind.type === 'deferred';
  return {
    type: kind.type,
    // One bounce may be told again under its ID once it has become final, so the ID alone does not name the event.
    id:
      bounceId === undefined
        ? composedEventId(['postmark', String(name), kind.type, providerMessageId ?? messageId, recipient, at, detail])
        : `${String(name)}:${bounceId}:${detail ?? ''}`,
    at,
    index,
    recipient,
    messageId,
    attemptId: idText(own[postmarkIds.attemptId]),
    providerMessageId,
    bounceClass: kind.bounceClass,
    reason: tellsReason ? reasonOf(item) : undefined,
  };
};

/** Postmark's one record → our event. Throws `InvalidMessageError` when the body is no JSON object. */
export const translatePostmarkWebhook: TranslateWebhook = (rawBody) => {
  const body = parseWebhook(rawBody);
  if (!isRecord(body)) throw new InvalidMessageError('webhook-shape', "Postmark's webhook body is not an object");
  return translateItems([body], read);
};
