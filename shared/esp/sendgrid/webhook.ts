import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { ConfigError, InvalidMessageError } from '../../errors.ts';
import type { EspEvent, NoEvent, TranslateWebhook, VerifyWebhook } from '../esp.ts';
import { composedEventId } from '../event-id.ts';
import { isBase64 } from '../base64.ts';
import { isOfCopy } from '../own-data.ts';
import { requestHeader } from '../request-header.ts';
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
import { sendgridIds } from './payload.ts';

// As old as events are remembered: SendGrid repeats for a day, and whether a repeat is signed anew is not documented.
const oldestMs = 8 * 24 * 3_600_000;
const aheadMs = 5 * 60_000;

const publicKeyOf = (text: string): KeyObject => {
  try {
    const base64 = text.replace(/-----[A-Z ]+-----/g, '').replace(/\s+/g, '');
    return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
  } catch {
    throw new ConfigError('SENDGRID_WEBHOOK_PUBLIC_KEY: is no public key (base64 of SPKI DER, as SendGrid shows it)');
  }
};

/**
 * SendGrid's signature: ECDSA (P-256, SHA-256) over the timestamp header and the raw body.
 * Throws `ConfigError` when the key is none; the returned function never throws.
 * @param publicKeyBase64 as SendGrid shows it: SPKI DER in base64, with or without PEM armour.
 */
export const verifySendgridWebhook = (publicKeyBase64: string, now: () => Date): VerifyWebhook => {
  const key = publicKeyOf(publicKeyBase64);
  return ({ rawBody, headers }) => {
    const signature = requestHeader(headers, 'x-twilio-email-event-webhook-signature');
    const timestamp = requestHeader(headers, 'x-twilio-email-event-webhook-timestamp');
    if (signature === undefined || timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
    const ageMs = now().getTime() - Number(timestamp) * 1000;
    if (ageMs > oldestMs || ageMs < -aheadMs) return false;
    if (!isBase64(signature)) return false;
    try {
      return verify('sha256', Buffer.concat([Buffer.from(timestamp), rawBody]), key, Buffer.from(signature, 'base64'));
    } catch {
      return false;
    }
  };
};

// A block says something of our mail or its sender, not of the address, so it must not suppress the address.
const bounceKinds: Readonly<Record<string, Kind>> = {
  bounce: event('bounced', 'hard'),
  blocked: event('bounced', 'soft'),
};

/** twilio.com/docs/sendgrid/for-developers/tracking-events/event */
const kinds: Readonly<Record<string, Kind | ((item: Item) => Kind)>> = {
  processed: ignored,
  delivered: event('delivered'),
  deferred: event('deferred'),
  bounce: (item) => lookUp(bounceKinds, item['type']) ?? event('bounced', 'soft'),
  dropped: event('failed'),
  open: event('opened'),
  click: event('clicked'),
  spamreport: event('complained'),
  unsubscribe: event('unsubscribed'),
  group_unsubscribe: event('unsubscribed'),
  group_resubscribe: ignored,
  account_status_change: ignored,
};

/** `X-Message-Id` of the send, without what SendGrid's own machines append to it. */
const providerIdOf = (item: Item): string | undefined => idText(item['sg_message_id'])?.split(/\.(?:filter|recvd)/)[0];

const reasonOf = (item: Item): string | undefined => {
  const words = reasonText(item['reason'] ?? item['response']);
  const status = idText(item['status']);
  return status === undefined || words?.startsWith(status) ? (words ?? status) : reasonText(`${status} ${words ?? ''}`);
};

const read = (item: Item, index: number): EspEvent | NoEvent => {
  const name = item['event'];
  const entry = lookUp(kinds, name);
  if (entry === undefined) return noEvent('unreadable', index, `unknown event ${String(idText(name))}`);
  const kind = typeof entry === 'function' ? entry(item) : entry;
  if (kind.kind === 'ignored') return noEvent('ignored', index, String(name));
  const at = timeOf(item['timestamp']);
  if (at === undefined) return noEvent('unreadable', index, `${String(name)} without a usable timestamp`);

  const recipient = recipientText(item['email']);
  if (isOfCopy(recipientText(item[sendgridIds.to]), recipient)) {
    return noEvent('ignored', index, `${String(name)} of a copy`);
  }
  const messageId = idText(item[sendgridIds.messageId]);
  // A mail that was dropped bears an id that its send was never answered with: without ours, its recipient must do.
  const providerMessageId = name === 'dropped' && messageId === undefined ? undefined : providerIdOf(item);
  const what = idText(item['url']) ?? idText(item['status']);
  const tellsReason = kind.type === 'bounced' || kind.type === 'failed' || kind.type === 'deferred';
  return {
    type: kind.type,
    id:
      idText(item['sg_event_id']) ??
      composedEventId(['sendgrid', kind.type, providerMessageId ?? messageId, recipient, at, what]),
    at,
    index,
    recipient,
    messageId,
    attemptId: idText(item[sendgridIds.attemptId]),
    providerMessageId,
    bounceClass: kind.bounceClass,
    machine: item['sg_machine_open'] === true || item['sg_machine_open'] === 'true' ? true : undefined,
    reason: tellsReason ? reasonOf(item) : undefined,
  };
};

/** SendGrid's array of events → our events. Throws `InvalidMessageError` when the body is no JSON array. */
export const translateSendgridWebhook: TranslateWebhook = (rawBody) => {
  const body = parseWebhook(rawBody);
  if (!Array.isArray(body)) throw new InvalidMessageError('webhook-shape', "SendGrid's webhook body is not an array");
  return translateItems(body, read);
};
