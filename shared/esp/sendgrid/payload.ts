import type { Address, Attachment, Delivery, MailContent } from '../esp.ts';
import { hasCopies, isOurName } from '../own-data.ts';
import { tokenReplacer } from '../replace-tokens.ts';

// The body of `POST /v3/mail/send` as the HTTP API takes it (sendgrid-oai oai.json). The SDK's own message class is not
// used: it wraps substitution keys in `{{ }}`, and ours are whole tokens.

interface SendgridAddress {
  readonly email: string;
  readonly name?: string;
}

interface Personalization {
  readonly to: readonly SendgridAddress[];
  readonly cc?: readonly SendgridAddress[];
  readonly bcc?: readonly SendgridAddress[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly substitutions?: Readonly<Record<string, string>>;
  readonly custom_args: Readonly<Record<string, string>>;
}

export interface SendgridMail {
  readonly personalizations: readonly Personalization[];
  readonly from: SendgridAddress;
  readonly reply_to?: SendgridAddress;
  readonly subject: string;
  readonly content: readonly { readonly type: string; readonly value: string }[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly categories?: readonly string[];
  readonly attachments?: readonly Readonly<Record<string, string>>[];
}

/** The custom arguments that carry our ids there and back; `to` only beside copies, whose events bear the same ids. */
export const sendgridIds = { messageId: 'mf_message_id', attemptId: 'mf_attempt_id', to: 'mf_to' } as const;

export const sendgridMaxRecipients = 1_000;
const maxValueBytes = 10_000;
const maxCustomArgBytes = 10_000;
const maxCategories = 10;

const bytesOf = (record: Readonly<Record<string, string>>): number =>
  Object.entries(record).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);

const addressOf = ({ email, name }: Address): SendgridAddress => (name ? { email, name } : { email });

const attachmentOf = ({ filename, contentType, content, contentId }: Attachment): Record<string, string> => ({
  content,
  filename,
  type: contentType,
  disposition: contentId === undefined ? 'attachment' : 'inline',
  ...(contentId === undefined ? {} : { content_id: contentId }),
});

const customArgsOf = (delivery: Delivery): Record<string, string> => {
  const { messageId, attemptId, metadata, to } = delivery;
  const ours = {
    [sendgridIds.messageId]: messageId,
    [sendgridIds.attemptId]: attemptId,
    ...(hasCopies(delivery) ? { [sendgridIds.to]: to.email } : {}),
  };
  let room = maxCustomArgBytes - bytesOf(ours);
  const theirs = Object.entries(metadata).filter(([key, value]) => {
    const size = Buffer.byteLength(key) + Buffer.byteLength(value);
    if (isOurName(key) || size > room) return false;
    room -= size;
    return true;
  });
  return { ...Object.fromEntries(theirs), ...ours };
};

/** To, cc and bcc of one delivery, each address once: SendGrid refuses a call that names one twice. */
const addresseesOf = ({ to, cc, bcc }: Delivery) => {
  const seen = new Set([to.email.toLowerCase()]);
  const fresh = ({ email }: Address): boolean => {
    const key = email.toLowerCase();
    return !seen.has(key) && seen.add(key).has(key);
  };
  return { cc: cc.filter(fresh).map(addressOf), bcc: bcc.filter(fresh).map(addressOf), seen };
};

// Whether SendGrid looks at a value again, and in which order it replaces, is written nowhere. So it is only let replace
// where that cannot matter: where no token stands in the finished text, be it inside a value or across its border.
const rereadCheck = (content: MailContent, tokens: readonly string[]): ((values: Delivery['values']) => boolean) => {
  const known = tokens.filter((token) => token !== '');
  const replace = tokenReplacer(known);
  const texts = [content.subject, content.text ?? '', content.html ?? ''];
  const borders = new Set(known.flatMap((token) => [token.slice(0, 1), token.slice(-1)]));
  // Where the text has the beginning of a token before one, any value could be its middle.
  const isOpen = known.some((token) => texts.some((text) => text.includes(token.slice(0, 1) + token)));
  const holdsBorder = (value: string): boolean => [...borders].some((border) => value.includes(border));
  return (values) =>
    (isOpen || Object.values(values).some(holdsBorder)) &&
    texts.some((text) => {
      const finished = replace(text, values);
      return known.some((token) => finished.includes(token));
    });
};

/** The body of one call. All deliveries share one content; a delivery sent inline must be alone in its call. */
const mailOf = (deliveries: readonly Delivery[], content: MailContent, inline: boolean): SendgridMail => {
  const first = deliveries[0];
  const replace = tokenReplacer(Object.keys(first?.values ?? {}));
  const ready = (text: string): string => (inline && first ? replace(text, first.values) : text);
  // Substitutions do not reach headers, so a header with a token is written out for each recipient.
  const headers = Object.entries(content.headers);
  const isOwn = ([, value]: readonly [string, string]): boolean => replace(value, first?.values ?? {}) !== value;
  const own = headers.filter(isOwn);
  const common = headers.filter((header) => !isOwn(header));
  const parts = [
    { type: 'text/plain', value: ready(content.text ?? '') },
    { type: 'text/html', value: ready(content.html ?? '') },
  ].filter(({ value }) => value !== '');
  return {
    personalizations: deliveries.map((delivery) => {
      const { cc, bcc } = addresseesOf(delivery);
      const ownHeaders = own.map(([name, value]): [string, string] => [name, replace(value, delivery.values)]);
      return {
        to: [addressOf(delivery.to)],
        ...(cc.length === 0 ? {} : { cc }),
        ...(bcc.length === 0 ? {} : { bcc }),
        ...(ownHeaders.length === 0 ? {} : { headers: Object.fromEntries(ownHeaders) }),
        ...(inline || Object.keys(delivery.values).length === 0 ? {} : { substitutions: delivery.values }),
        custom_args: customArgsOf(delivery),
      };
    }),
    from: addressOf(content.from),
    ...(content.replyTo === undefined ? {} : { reply_to: addressOf(content.replyTo) }),
    subject: ready(content.subject),
    content: parts,
    ...(common.length === 0 ? {} : { headers: Object.fromEntries(common) }),
    ...(content.tags.length === 0 ? {} : { categories: [...new Set(content.tags)].slice(0, maxCategories) }),
    ...(content.attachments.length === 0 ? {} : { attachments: content.attachments.map(attachmentOf) }),
  };
};

/** One call, and the places (from 0) of its deliveries in the list that it was made from. */
export interface SendgridCall {
  readonly places: readonly number[];
  readonly mail: SendgridMail;
}

/**
 * Deliveries → bodies of `mail/send`, one for a list that fits one call. What SendGrid refuses in one call is parted:
 * another content, an address named twice (also in cc and bcc), more than 1000 addresses. A recipient whose values exceed
 * 10,000 bytes, or could be taken for tokens, gets the finished text in a call of its own.
 */
export const sendgridCalls = (deliveries: readonly Delivery[]): readonly SendgridCall[] => {
  type Draft = {
    readonly content: MailContent;
    readonly addresses: Set<string>;
    readonly places: number[];
    inline: boolean;
  };
  const drafts: Draft[] = [];
  const rereadChecks = new Map<MailContent, ReturnType<typeof rereadCheck>>();
  const isReread = ({ content, values }: Delivery): boolean => {
    const check = rereadChecks.get(content) ?? rereadCheck(content, Object.keys(values));
    rereadChecks.set(content, check);
    return check(values);
  };
  deliveries.forEach((delivery, place) => {
    const { seen } = addresseesOf(delivery);
    const inline = bytesOf(delivery.values) > maxValueBytes || isReread(delivery);
    const fits = (draft: Draft): boolean =>
      !inline &&
      !draft.inline &&
      draft.content === delivery.content &&
      draft.addresses.size + seen.size <= sendgridMaxRecipients &&
      [...seen].every((address) => !draft.addresses.has(address));
    const draft = drafts.find(fits);
    if (draft === undefined) drafts.push({ content: delivery.content, addresses: seen, places: [place], inline });
    else {
      for (const address of seen) draft.addresses.add(address);
      draft.places.push(place);
    }
  });
  return drafts.map(({ content, places, inline }) => ({
    places,
    mail: mailOf(
      places.flatMap((place) => deliveries[place] ?? []),
      content,
      inline,
    ),
  }));
};
