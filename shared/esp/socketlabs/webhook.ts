import { InvalidMessageError } from '../../errors.ts';
import type { EspEvent, NoEvent, TranslateWebhook, VerifyWebhook } from '../esp.ts';
import { composedEventId } from '../event-id.ts';
import { isRecord, parseJson } from '../outcome-of.ts';
import { isOfCopy } from '../own-data.ts';
import { isSameSecret } from '../same-secret.ts';
import {
  event,
  idText,
  ignored,
  lookUp,
  noEvent,
  reasonText,
  recipientText,
  timeOf,
  translateItems,
  webhookText,
  type Item,
  type Kind,
} from '../webhook-item.ts';
import { socketlabsIds } from './payload.ts';

// help.socketlabs.com "Event Webhooks". SocketLabs' own samples differ in the case of names (ServerId, ServerID), wrap
// the event in `data` or do not, and older webhooks post forms: all of that is one item here, its names in small letters.

const smallNames = (value: Readonly<Record<string, unknown>>): Item =>
  Object.fromEntries(Object.entries(value).map(([name, entry]) => [name.toLowerCase(), entry]));

const formOf = (text: string): Item | undefined => {
  const form = new URLSearchParams(text);
  return form.size > 1 || form.has('Type') ? smallNames(Object.fromEntries(form)) : undefined;
};

/** The one event of a body; undefined when it is neither a JSON object nor a form. */
const itemOf = (rawBody: Uint8Array): Item | undefined => {
  const text = webhookText(rawBody);
  const parsed = parseJson(text);
  if (parsed === undefined) return formOf(text);
  if (!isRecord(parsed)) return undefined;
  const item = smallNames(parsed);
  if (item['type'] !== undefined || !isRecord(item['data'])) return item;
  // The secret key belongs to the post and may have stayed outside of the wrapper.
  return { secretkey: item['secretkey'], ...smallNames(item['data']) };
};

/**
 * SocketLabs signs nothing: a secret key stands in the body. A validation asks for `validationKey` in the answer.
 */
export const verifySocketlabsWebhook = (keys: {
  readonly secretKey: string;
  readonly validationKey: string;
}): VerifyWebhook => {
  return ({ rawBody }) => {
    const item = itemOf(rawBody);
    const given = item?.['secretkey'];
    if (!isSameSecret(typeof given === 'string' ? given : '', keys.secretKey)) return false;
    return idText(item?.['type'])?.toLowerCase() === 'validation' ? { answer: keys.validationKey } : true;
  };
};

// Numbers, or the names that they stand for.
const suppressedTypes: readonly string[] = ['2', 'suppressed'];
const permanentTypes: readonly string[] = ['1', 'permanent'];
const autoReplies: readonly string[] = ['5001', '5999'];

const failedKind = (item: Item): Kind => {
  const failureType = (idText(item['failuretype']) ?? '').toLowerCase();
  const code = idText(item['failurecode']) ?? '';
  if (suppressedTypes.includes(failureType)) return event('failed');
  if (autoReplies.includes(code)) return ignored;
  // 2xxx blames the address; 1xxx our message or its way, 3xxx and 4xxx the mailbox or the network of the day.
  return event('bounced', permanentTypes.includes(failureType) && /^2\d{3}$/.test(code) ? 'hard' : 'soft');
};

const trackingKinds: Readonly<Record<string, Kind>> = {
  '0': event('clicked'),
  click: event('clicked'),
  '1': event('opened'),
  open: event('opened'),
  '2': event('unsubscribed'),
  unsubscribe: event('unsubscribed'),
};

const kinds: Readonly<Record<string, (item: Item) => Kind | undefined>> = {
  queued: () => ignored,
  validation: () => ignored,
  delivered: () => event('delivered'),
  deferred: () => event('deferred'),
  // RFC 6430: somebody took a complaint back.
  complaint: ({ fbltype }) => (fbltype === 'not-spam' ? ignored : event('complained')),
  tracking: (item) => lookUp(trackingKinds, (idText(item['trackingtype']) ?? '').toLowerCase()),
  failed: failedKind,
};

/** `{ Meta: [{ Key, Value }] }`, or that as text in a form → our pairs. */
const metaOf = (data: unknown): ReadonlyMap<string, unknown> => {
  const parsed = typeof data === 'string' ? parseJson(data) : data;
  const meta = isRecord(parsed) ? smallNames(parsed)['meta'] : undefined;
  const pairs = (Array.isArray(meta) ? meta : []).filter(isRecord).map(smallNames);
  return new Map(pairs.map(({ key, value }) => [idText(key) ?? '', value]));
};

const read = (item: Item, index: number): EspEvent | NoEvent => {
  const name = (idText(item['type']) ?? '').toLowerCase();
  const kind = lookUp(kinds, name)?.(item);
  if (kind === undefined) {
    return noEvent('unreadable', index, `unknown event ${name} ${idText(item['trackingtype']) ?? ''}`);
  }
  if (kind.kind === 'ignored') return noEvent('ignored', index, name);
  const own = metaOf(item['data']);
  const recipient = recipientText(item['address']);
  const intended = recipientText(own.get(socketlabsIds.to));
  if (isOfCopy(intended, recipient)) return noEvent('ignored', index, `${name} of a copy`);
  const at = timeOf(item['datetime']);
  if (at === undefined) return noEvent('unreadable', index, `${name} without a usable DateTime`);

  const providerMessageId = idText(item['messageid']) ?? idText(item['mailingid']);
  const messageId = idText(own.get(socketlabsIds.messageId));
  const code = idText(item['failurecode']) ?? idText(item['deferralcode']);
  const what = idText(item['url']) ?? code;
  const words = reasonText(item['reason'] ?? item['diagnosticcode']);
  const tellsReason = kind.type === 'bounced' || kind.type === 'failed' || kind.type === 'deferred';
  return {
    type: kind.type,
    id: composedEventId(['socketlabs', name, kind.type, providerMessageId, recipient?.toLowerCase(), at, what]),
    at,
    index,
    recipient,
    messageId,
    attemptId: idText(own.get(socketlabsIds.attemptId)),
    providerMessageId,
    bounceClass: kind.bounceClass,
    reason: tellsReason ? reasonText([code, words].filter((part) => part !== undefined).join(' ')) : undefined,
  };
};

/** SocketLabs' one event → ours. Throws `InvalidMessageError` when the body is neither a JSON object nor a form. */
export const translateSocketlabsWebhook: TranslateWebhook = (rawBody) => {
  const item = itemOf(rawBody);
  if (item === undefined) throw new InvalidMessageError('webhook-shape', "SocketLabs' webhook body is no event");
  return translateItems([item], read);
};
