import { InvalidMessageError } from '../../errors.ts';
import type { EspEvent, NoEvent, TranslateWebhook } from '../esp.ts';
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
  type Item,
  type Kind,
} from '../webhook-item.ts';
import { decodeTag, sesIds } from './tags.ts';

// docs.aws.amazon.com/ses/latest/dg: event-publishing-retrieving-sns-contents, notification-contents. One record a
// message, in one of two dialects: events of a configuration set (`eventType`, with our tags) and feedback of an identity
// (`notificationType`, without). An account may have both, and then one bounce comes twice under two SNS ids.

/** One whom a record is about, with what it says of that one alone. */
type Recipient = Item;

interface RecordShape {
  /** The member that holds what happened. */
  readonly part: string;
  readonly kind: (part: Item) => Kind | undefined;
  /** Whom it happened to; without a list, all that the mail went to. */
  readonly recipients?: string;
  readonly reason?: (part: Item, recipient: Recipient) => unknown;
}

const always = (kind: Kind) => (): Kind => kind;
const oneOf = (kinds: Readonly<Record<string, Kind>>, name: unknown): Kind | undefined => lookUp(kinds, name);

/** Permanent bounces by subtype. Only what the address itself is to blame for ends all mail to it. */
const permanentBounces: Readonly<Record<string, Kind>> = {
  General: event('bounced', 'hard'),
  NoEmail: event('bounced', 'hard'),
  // On Amazon's own list or the account's: it was never tried.
  Suppressed: event('failed'),
  OnAccountSuppressionList: event('failed'),
  UnsubscribedRecipient: event('unsubscribed'),
};

const bounceKind = ({ bounceType, bounceSubType }: Item): Kind =>
  bounceType === 'Permanent'
    ? (oneOf(permanentBounces, bounceSubType) ?? event('bounced', 'soft'))
    : event('bounced', 'soft');

const complaintKind = ({ complaintSubType, complaintFeedbackType }: Item): Kind => {
  if (complaintSubType === 'OnAccountSuppressionList') return event('failed');
  // Somebody took a complaint back.
  return complaintFeedbackType === 'not-spam' ? ignored : event('complained');
};

const subscriptionKind = ({ newTopicPreferences }: Item): Kind => {
  const { unsubscribeAll, topicSubscriptionStatus } = isRecord(newTopicPreferences) ? newTopicPreferences : {};
  const topics: readonly unknown[] = Array.isArray(topicSubscriptionStatus) ? topicSubscriptionStatus : [];
  const isOut = topics.some(
    (topic) => isRecord(topic) && /^opt-?out$/i.test(idText(topic['subscriptionStatus']) ?? ''),
  );
  return unsubscribeAll === true || isOut ? event('unsubscribed') : ignored;
};

const smtpReason = (part: Item, recipient: Recipient): unknown =>
  recipient['diagnosticCode'] ?? recipient['status'] ?? part['bounceSubType'] ?? part['delayType'];

const records: Readonly<Record<string, RecordShape>> = {
  Send: { part: 'send', kind: always(ignored) },
  Delivery: { part: 'delivery', kind: always(event('delivered')), recipients: 'recipients' },
  DeliveryDelay: {
    part: 'deliveryDelay',
    kind: always(event('deferred')),
    recipients: 'delayedRecipients',
    reason: smtpReason,
  },
  Bounce: { part: 'bounce', kind: bounceKind, recipients: 'bouncedRecipients', reason: smtpReason },
  Complaint: { part: 'complaint', kind: complaintKind, recipients: 'complainedRecipients' },
  Open: { part: 'open', kind: always(event('opened')) },
  Click: { part: 'click', kind: always(event('clicked')) },
  Reject: { part: 'reject', kind: always(event('failed')), reason: ({ reason }) => reason },
  'Rendering Failure': {
    part: 'failure',
    kind: always(event('failed')),
    reason: ({ errorMessage }) => errorMessage,
  },
  Subscription: { part: 'subscription', kind: subscriptionKind },
  AmazonSnsSubscriptionSucceeded: { part: 'message', kind: always(ignored) },
};

const listOf = (value: unknown): readonly Recipient[] =>
  (Array.isArray(value) ? (value as readonly unknown[]) : []).map((entry) =>
    isRecord(entry) ? entry : { emailAddress: entry },
  );

/** The value of one of our tags: SES gives each as a list. */
const ownTag = (mail: Item, name: string): string | undefined => {
  const tags = isRecord(mail['tags']) ? mail['tags'] : {};
  const value: unknown = tags[name];
  const [first] = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  return typeof first === 'string' ? idText(decodeTag(first)) : undefined;
};

const sameAddress = (a: string | undefined, b: string | undefined): boolean => a?.toLowerCase() === b?.toLowerCase();

const eventsOf = (record: Item, name: string, shape: RecordShape, kind: Kind & { kind: 'event' }, snsId: unknown) => {
  const mail = isRecord(record['mail']) ? record['mail'] : {};
  const part = isRecord(record[shape.part]) ? (record[shape.part] as Item) : {};
  const at = timeOf(part['timestamp'] ?? mail['timestamp']);
  if (at === undefined) return undefined;
  const destinations = listOf(mail['destination']);
  const named = listOf(shape.recipients === undefined ? undefined : part[shape.recipients]);
  // An open is told of the mail as a whole: of those it went to, the first is whom it is for, the others have copies.
  const whom = named.length > 0 ? named : destinations.slice(0, 1);
  const addressee = recipientText(destinations[0]?.['emailAddress']);
  const providerMessageId = idText(mail['messageId']);
  const ids = { messageId: ownTag(mail, sesIds.messageId), attemptId: ownTag(mail, sesIds.attemptId) };
  // The same in both dialects: Amazon's id of the feedback, else its own time.
  const happening = idText(part['feedbackId']) ?? at;
  return (whom.length > 0 ? whom : [{}]).map((entry, index): EspEvent => {
    const recipient = recipientText(entry['emailAddress']);
    // Copies share the tags of the mail, but what becomes of them is no news of its recipient.
    const isCopy = addressee !== undefined && recipient !== undefined && !sameAddress(recipient, addressee);
    const facts = [name, kind.type, providerMessageId ?? idText(snsId), recipient?.toLowerCase(), happening];
    return {
      type: kind.type,
      id: composedEventId(['ses', ...facts, idText(part['link'])]),
      at,
      index,
      recipient,
      messageId: isCopy ? undefined : ids.messageId,
      attemptId: isCopy ? undefined : ids.attemptId,
      providerMessageId,
      bounceClass: kind.bounceClass,
      reason: reasonText(shape.reason?.(part, entry)),
    };
  });
};

const read = (envelope: Item): readonly (EspEvent | NoEvent)[] => {
  const { Message: message, MessageId: snsId } = envelope;
  if (typeof message !== 'string') return [noEvent('unreadable', 0, 'an SNS message without a text')];
  const record = parseJson(message);
  if (!isRecord(record)) {
    // On set-up SES posts a sentence: "Successfully validated SNS topic for Amazon SES event publishing."
    const isSetUp = /^\s*successfully validated/i.test(message);
    return [noEvent(isSetUp ? 'ignored' : 'unreadable', 0, isSetUp ? 'a set-up message' : 'no record of SES')];
  }
  const name = record['eventType'] ?? record['notificationType'];
  const shape = lookUp(records, name);
  const part = shape === undefined ? undefined : record[shape.part];
  const kind = shape?.kind(isRecord(part) ? part : {});
  if (shape === undefined || kind === undefined || typeof name !== 'string') {
    return [noEvent('unreadable', 0, `unknown event ${String(idText(name))}`)];
  }
  if (kind.kind === 'ignored') return [noEvent('ignored', 0, name)];
  return eventsOf(record, name, shape, kind, snsId) ?? [noEvent('unreadable', 0, `${name} without a usable timestamp`)];
};

/** An SNS message with one record of SES → our events, one for each recipient it names. Throws `InvalidMessageError` when the body is no JSON object. */
export const translateSesWebhook: TranslateWebhook = (rawBody) => {
  const body = parseWebhook(rawBody);
  if (!isRecord(body)) throw new InvalidMessageError('webhook-shape', "SES's webhook body is not an object");
  const results = read(body);
  return {
    events: results.filter((result) => 'type' in result),
    rest: results.filter((result) => 'kind' in result),
  };
};
