import { createHash } from 'node:crypto';
import type { Address, Attachment, Delivery, MailContent } from '../esp.ts';
import { hasCopies, isOurName } from '../own-data.ts';
import { tokenReplacer, type ReplaceTokens } from '../replace-tokens.ts';
import { headerMailbox } from './mailbox.ts';
import { sparkpostTemplate, type SparkpostTemplate } from './template.ts';

// The body of `POST /api/v1/transmissions` (developers.sparkpost.com/api/transmissions).

type Texts = Readonly<Record<string, string>>;

interface Recipient {
  readonly address: { readonly email: string; readonly name?: string; readonly header_to?: string };
  readonly tags?: readonly string[];
  readonly metadata: Texts;
  readonly substitution_data?: Texts;
}

export interface SparkpostMail {
  readonly options: { readonly transactional: boolean };
  readonly campaign_id?: string;
  readonly recipients: readonly Recipient[];
  readonly substitution_data?: Texts;
  readonly content: {
    readonly from: { readonly email: string; readonly name?: string };
    readonly subject: string;
    readonly text?: string;
    readonly html?: string;
    readonly reply_to?: string;
    readonly headers?: Texts;
    readonly attachments?: readonly Texts[];
    readonly inline_images?: readonly Texts[];
  };
}

/** The metadata that carries our ids there and back; `copyOf` marks the recipients in cc and bcc. */
export const sparkpostIds = { messageId: 'mf_message_id', attemptId: 'mf_attempt_id', copyOf: 'mf_copy_of' } as const;

/** SparkPost states no maximum; as many may become unknown together when it refuses one that it does not name. */
export const sparkpostMaxRecipients = 1_000;
const maxValueBytes = 100_000;
const maxMetadataBytes = 10_000;
const maxTags = 10;
const maxCampaignBytes = 64;

const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

const addressOf = ({ email, name }: Address) => (name ? { email, name } : { email });

const metadataOf = ({ messageId, attemptId, metadata }: Delivery): Texts => {
  const ours = { [sparkpostIds.messageId]: messageId, [sparkpostIds.attemptId]: attemptId };
  let room = maxMetadataBytes - jsonBytes(ours);
  const theirs = Object.entries(metadata).filter(([key, value]) => {
    const size = jsonBytes({ [key]: value });
    if (isOurName(key) || size > room) return false;
    room -= size;
    return true;
  });
  return { ...Object.fromEntries(theirs), ...ours };
};

/** Every address of cc and bcc once, without that of the recipient. */
const copiesOf = ({ to, cc, bcc }: Delivery): readonly Address[] => {
  const seen = new Set([to.email.toLowerCase()]);
  return [...cc, ...bcc].filter(({ email }) => !seen.has(email.toLowerCase()) && seen.add(email.toLowerCase()));
};

// A name is cut where a character would be parted.
const campaignOf = (tag: string): string => {
  let campaign = '';
  for (const character of tag) {
    if (Buffer.byteLength(campaign + character) > maxCampaignBytes) break;
    campaign += character;
  }
  return campaign;
};

const fileOf = (name: string, { contentType, content }: Attachment): Texts => ({
  name,
  type: contentType,
  data: content,
});
// The type of an inline image "will apply as-is": what else a `cid:` may name goes the same way.
const isInlineFile = ({ contentId }: Attachment): boolean => contentId !== undefined;

/** Sent inline, a delivery is alone in its call and its texts are finished. */
const isInline = ({ values }: Delivery): boolean => jsonBytes(values) > maxValueBytes;

const contentOf = (
  content: MailContent,
  cc: readonly Address[],
  template: SparkpostTemplate,
  ready: (text: string) => string,
): SparkpostMail['content'] => {
  const { from, subject, text, html, replyTo, attachments } = content;
  const headers = Object.entries(content.headers).map(([name, value]): [string, string] => [
    name,
    template.header(ready(value)),
  ]);
  // The template language holds for the header too, but a list is finished here: it belongs to this call's one message.
  if (cc.length > 0) headers.push(['CC', cc.map(headerMailbox).join(', ')]);
  const images = attachments.filter(isInlineFile);
  const files = attachments.filter((attachment) => !isInlineFile(attachment));
  return {
    from: { email: from.email, ...(from.name ? { name: template.header(from.name) } : {}) },
    subject: template.header(ready(subject)),
    ...(text ? { text: template.body(ready(text)) } : {}),
    ...(html ? { html: template.body(ready(html)) } : {}),
    ...(replyTo === undefined ? {} : { reply_to: headerMailbox(replyTo) }),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
    ...(files.length === 0 ? {} : { attachments: files.map((file) => fileOf(file.filename, file)) }),
    // The name of an inline image is what `cid:` names.
    ...(images.length === 0
      ? {}
      : { inline_images: images.map((image) => fileOf(image.contentId ?? image.filename, image)) }),
  };
};

const recipientsOf = (delivery: Delivery, values: Texts | undefined): readonly Recipient[] => {
  const tags = [...new Set(delivery.content.tags)].slice(0, maxTags);
  const common = {
    ...(tags.length === 0 ? {} : { tags }),
    ...(values === undefined ? {} : { substitution_data: values }),
  };
  const copies = copiesOf(delivery).map(({ email }) => ({
    // A copy shows the recipient in To, and is nobody's message: its events must not become those of the recipient.
    address: { email, header_to: headerMailbox(delivery.to) },
    metadata: { [sparkpostIds.copyOf]: delivery.messageId },
    ...common,
  }));
  return [{ address: addressOf(delivery.to), metadata: metadataOf(delivery), ...common }, ...copies];
};

const mailOf = (deliveries: readonly Delivery[], content: MailContent, inline: boolean): SparkpostMail => {
  const first = deliveries[0];
  const tokens = Object.keys(first?.values ?? {});
  const replace: ReplaceTokens = tokenReplacer(tokens);
  const template = sparkpostTemplate(inline ? [] : tokens);
  const ready = (text: string): string => (inline ? replace(text, first?.values ?? {}) : text);
  const written = contentOf(content, first?.cc ?? [], template, ready);
  const literals = template.literals();
  const [tag] = content.tags;
  const hasValues = !inline && tokens.length > 0;
  return {
    // The port knows no class of mail; what offers a way out is no transaction.
    options: { transactional: !Object.keys(content.headers).some((name) => /^list-unsubscribe$/i.test(name)) },
    ...(tag === undefined ? {} : { campaign_id: campaignOf(tag) }),
    recipients: deliveries.flatMap((delivery) =>
      recipientsOf(delivery, hasValues ? template.valuesFor(delivery.values) : undefined),
    ),
    ...(Object.keys(literals).length === 0 ? {} : { substitution_data: literals }),
    content: written,
  };
};

/** One call, and the places (from 0) of its deliveries in the list that it was made from. */
export interface SparkpostCall {
  readonly places: readonly number[];
  readonly mail: SparkpostMail;
  /** The same for the same attempts: a repeat within a day is answered as the first call was, and mails nobody twice. */
  readonly idempotencyKey: string;
}

/**
 * Deliveries → bodies of `transmissions`, one for a list that fits one call. Parted is what one transmission cannot
 * hold: another content; a delivery with copies, since the CC header belongs to the whole transmission; an address
 * that comes twice; and values above 100 KB, whose recipient gets the finished text.
 */
export const sparkpostCalls = (deliveries: readonly Delivery[]): readonly SparkpostCall[] => {
  type Draft = {
    readonly content: MailContent;
    readonly addresses: Set<string>;
    readonly places: number[];
    readonly inline: boolean;
    readonly isAlone: boolean;
  };
  const drafts: Draft[] = [];
  deliveries.forEach((delivery, place) => {
    const { content } = delivery;
    const address = delivery.to.email.toLowerCase();
    const inline = isInline(delivery);
    const isAlone = inline || hasCopies(delivery);
    const draft = isAlone
      ? undefined
      : drafts.find(
          (candidate) =>
            !candidate.isAlone &&
            candidate.content === content &&
            candidate.places.length < sparkpostMaxRecipients &&
            !candidate.addresses.has(address),
        );
    if (draft === undefined) drafts.push({ content, addresses: new Set([address]), places: [place], inline, isAlone });
    else {
      draft.addresses.add(address);
      draft.places.push(place);
    }
  });
  return drafts.map(({ content, places, inline }) => {
    const own = places.flatMap((place) => deliveries[place] ?? []);
    const key = createHash('sha256').update(own.map(({ attemptId }) => attemptId).join('\n'));
    return { places, mail: mailOf(own, content, inline), idempotencyKey: key.digest('hex').slice(0, 32) };
  });
};
