import type { Address, Attachment, Delivery, MailContent } from '../esp.ts';
import { hasCopies, isOurName } from '../own-data.ts';
import { tokenReplacer, type ReplaceTokens } from '../replace-tokens.ts';

/** One message of `POST /email/batch`, in the API's own words. */
export interface PostmarkMessage {
  readonly From: string;
  readonly To: string;
  readonly Cc?: string;
  readonly Bcc?: string;
  readonly Subject: string;
  readonly TextBody?: string;
  readonly HtmlBody?: string;
  readonly ReplyTo?: string;
  readonly Tag?: string;
  readonly MessageStream?: string;
  readonly Metadata: Record<string, string>;
  readonly Headers?: { Name: string; Value: string }[];
  readonly Attachments?: { Name: string; Content: string; ContentType: string; ContentID: string | null }[];
}

/** The metadata that carries our ids there and back; `to` only beside copies, whose events bear the same ids. */
export const postmarkIds = { messageId: 'mf_message_id', attemptId: 'mf_attempt_id', to: 'mf_to' } as const;

// Limits of Metadata (postmarkapp.com/developer, "Email API"); a violation refuses the message.
const maxPairs = 10;
const maxNameLength = 20;
const maxValueLength = 80;
const maxTagLength = 1_000;
/** Of one message, attachments in base64 included. */
export const maxMessageBytes = 10 * 1024 * 1024;

/** Whether Postmark refuses the message for its size; values of the recipient come on top of what is counted here. */
export const isTooLarge = ({ content }: Delivery): boolean => {
  const files = content.attachments.reduce((sum, { content: base64 }) => sum + base64.length, 0);
  return files + Buffer.byteLength(content.text ?? '') + Buffer.byteLength(content.html ?? '') > maxMessageBytes;
};

/** An address as RFC 5322 §3.4 writes it; the name always quoted, since a comma in it would part the list. */
const addressOf = ({ email, name }: Address): string =>
  name ? `"${name.replace(/[\\"]/g, '\\$&').replace(/[\r\n]+/g, ' ')}" <${email}>` : email;

const listOf = (addresses: readonly Address[]): string => addresses.map(addressOf).join(', ');

const attachmentOf = ({ filename, contentType, content, contentId }: Attachment) => ({
  Name: filename,
  Content: content,
  ContentType: contentType,
  ContentID: contentId === undefined ? null : `cid:${contentId}`,
});

/** Our ids first; of the caller's metadata what Postmark takes. Names that differ only in case are one name to it. */
const metadataOf = (delivery: Delivery): Record<string, string> => {
  const { messageId, attemptId, metadata, to } = delivery;
  const kept = new Map<string, string>([
    [postmarkIds.messageId, messageId],
    [postmarkIds.attemptId, attemptId],
  ]);
  if (hasCopies(delivery) && to.email.length <= maxValueLength) kept.set(postmarkIds.to, to.email);
  const taken = new Set<string>();
  for (const [name, value] of Object.entries(metadata)) {
    const fits = name !== '' && name.length <= maxNameLength && value.length <= maxValueLength;
    if (kept.size >= maxPairs || !fits || isOurName(name) || taken.has(name.toLowerCase())) continue;
    taken.add(name.toLowerCase());
    kept.set(name, value);
  }
  return Object.fromEntries(kept);
};

const messageOf = (delivery: Delivery, replace: ReplaceTokens, stream: string | undefined): PostmarkMessage => {
  const { content, values } = delivery;
  const tag = content.tags[0]?.slice(0, maxTagLength);
  const headers = Object.entries(content.headers);
  return {
    From: addressOf(content.from),
    To: addressOf(delivery.to),
    ...(delivery.cc.length === 0 ? {} : { Cc: listOf(delivery.cc) }),
    ...(delivery.bcc.length === 0 ? {} : { Bcc: listOf(delivery.bcc) }),
    Subject: replace(content.subject, values),
    ...(content.text === undefined ? {} : { TextBody: replace(content.text, values) }),
    ...(content.html === undefined ? {} : { HtmlBody: replace(content.html, values) }),
    ...(content.replyTo === undefined ? {} : { ReplyTo: addressOf(content.replyTo) }),
    ...(tag === undefined ? {} : { Tag: tag }),
    ...(stream === undefined ? {} : { MessageStream: stream }),
    Metadata: metadataOf(delivery),
    ...(headers.length === 0
      ? {}
      : { Headers: headers.map(([Name, value]) => ({ Name, Value: replace(value, values) })) }),
    ...(content.attachments.length === 0 ? {} : { Attachments: content.attachments.map(attachmentOf) }),
  };
};

/**
 * Deliveries → the body of `/email/batch`, in the same order. Postmark replaces nothing outside its own templates, so
 * every message carries its finished text.
 */
export const postmarkBatch = (deliveries: readonly Delivery[], stream?: string): PostmarkMessage[] => {
  const replacers = new Map<MailContent, ReplaceTokens>();
  return deliveries.map((delivery) => {
    const known = replacers.get(delivery.content);
    const replace = known ?? tokenReplacer(Object.keys(delivery.values));
    if (known === undefined) replacers.set(delivery.content, replace);
    return messageOf(delivery, replace, stream);
  });
};
