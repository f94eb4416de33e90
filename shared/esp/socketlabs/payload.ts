import { createHash } from 'node:crypto';
import type { Address, Attachment, Delivery, MailContent } from '../esp.ts';
import { hasCopies, isOurName } from '../own-data.ts';
import { tokenReplacer } from '../replace-tokens.ts';
import { mergeFields } from './merge-text.ts';

// A message of SocketLabs' Injection API. The SDK's own message classes are not used: they refuse addresses by rules of
// their own before any call, and always name the recipient, which shows `%%RecipientName%%` to one without a name.

interface SocketlabsAddress {
  readonly emailAddress: string;
  readonly friendlyName?: string;
}
interface MergeField {
  readonly field: string;
  readonly value: string;
}
interface Pair {
  readonly key: string;
  readonly value: string;
}

export interface SocketlabsMessage {
  readonly to: readonly SocketlabsAddress[];
  readonly cc?: readonly SocketlabsAddress[];
  readonly bcc?: readonly SocketlabsAddress[];
  readonly from: SocketlabsAddress;
  readonly replyTo?: SocketlabsAddress;
  readonly subject: string;
  readonly textBody?: string;
  readonly htmlBody?: string;
  readonly mailingId: string;
  readonly messageId: string;
  readonly customHeaders?: readonly { readonly name: string; readonly value: string }[];
  readonly metadata?: readonly Pair[];
  readonly tags?: readonly string[];
  readonly attachments?: readonly Readonly<Record<string, string>>[];
  readonly mergeData?: { readonly PerMessage: readonly (readonly MergeField[])[] };
}

/** The metadata that carries our ids there and back; `to` only beside copies, whose events bear the same ids. */
export const socketlabsIds = { messageId: 'mf_message_id', attemptId: 'mf_attempt_id', to: 'mf_to' } as const;

export const socketlabsMaxRows = 50;
// Metadata and tags together.
const maxOwnBytes = 12_500;

const bytesOf = (...texts: readonly string[]): number => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);

const addressOf = ({ email, name }: Address): SocketlabsAddress => ({
  emailAddress: email,
  ...(name ? { friendlyName: name } : {}),
});

const attachmentOf = ({ filename, contentType, content, contentId }: Attachment): Record<string, string> => ({
  name: filename,
  content,
  contentType,
  ...(contentId === undefined ? {} : { contentId }),
});

/** As much as fits: our ids, then the tags, then the caller's metadata. */
const ownDataOf = (content: MailContent, delivery?: Delivery): Pick<SocketlabsMessage, 'metadata' | 'tags'> => {
  const ours: [string, string][] =
    delivery === undefined
      ? []
      : [
          [socketlabsIds.messageId, delivery.messageId],
          [socketlabsIds.attemptId, delivery.attemptId],
          ...(hasCopies(delivery) ? [[socketlabsIds.to, delivery.to.email] satisfies [string, string]] : []),
        ];
  let room = maxOwnBytes - bytesOf(...ours.flat());
  const fits = (...texts: readonly string[]): boolean => {
    const size = bytesOf(...texts);
    if (size > room) return false;
    room -= size;
    return true;
  };
  const tags = [...new Set(content.tags)].filter((tag) => fits(tag));
  const theirs = Object.entries(delivery?.metadata ?? {}).filter(([key, value]) => !isOurName(key) && fits(key, value));
  const metadata = [...ours, ...theirs].map(([key, value]) => ({ key, value }));
  return {
    ...(metadata.length === 0 ? {} : { metadata }),
    ...(tags.length === 0 ? {} : { tags }),
  };
};

/** No id comes back from SocketLabs: the call's own is made here, the same for the same attempts. */
const callIdOf = (deliveries: readonly Delivery[]): string =>
  createHash('sha256')
    .update(deliveries.map(({ attemptId }) => attemptId).join('\n'))
    .digest('hex')
    .slice(0, 32);

const sharedPart = ({ from, replyTo, attachments }: MailContent, callId: string) => ({
  from: addressOf(from),
  ...(replyTo === undefined ? {} : { replyTo: addressOf(replyTo) }),
  ...(attachments.length === 0 ? {} : { attachments: attachments.map(attachmentOf) }),
  mailingId: callId,
  messageId: callId,
});

const headersPart = (headers: Readonly<Record<string, string>>, ready: (text: string) => string) => {
  const customHeaders = Object.entries(headers).map(([name, value]) => ({ name, value: ready(value) }));
  return customHeaders.length === 0 ? {} : { customHeaders };
};

/** One message with its finished texts. */
const basicMessage = (delivery: Delivery): SocketlabsMessage => {
  const { content, values, to, cc, bcc } = delivery;
  const replace = tokenReplacer(Object.keys(values));
  const ready = (text: string): string => replace(text, values);
  return {
    ...sharedPart(content, callIdOf([delivery])),
    to: [addressOf(to)],
    ...(cc.length === 0 ? {} : { cc: cc.map(addressOf) }),
    ...(bcc.length === 0 ? {} : { bcc: bcc.map(addressOf) }),
    subject: ready(content.subject),
    ...(content.text ? { textBody: ready(content.text) } : {}),
    ...(content.html ? { htmlBody: ready(content.html) } : {}),
    ...headersPart(content.headers, ready),
    ...ownDataOf(content, delivery),
  };
};

/** How the recipients of one content are merged; undefined when they cannot be. */
interface Merge {
  readonly texts: Pick<SocketlabsMessage, 'subject' | 'textBody' | 'htmlBody'>;
  /** The row of one recipient; undefined when it must not be merged. */
  rowOf(delivery: Delivery): readonly MergeField[] | undefined;
}

const mergeOf = (content: MailContent, tokens: readonly string[]): Merge | undefined => {
  // Fields are replaced in the subject and the bodies alone.
  if (Object.values(content.headers).some((value) => tokens.some((token) => token !== '' && value.includes(token)))) {
    return undefined;
  }
  const fields = mergeFields(tokens);
  const [subject, text, html] = [content.subject, content.text ?? '', content.html ?? ''].map((part) =>
    fields.write(part),
  );
  if (!subject?.isSafe || !text?.isSafe || !html?.isSafe) return undefined;
  return {
    texts: {
      subject: subject.text,
      ...(text.text === '' ? {} : { textBody: text.text }),
      ...(html.text === '' ? {} : { htmlBody: html.text }),
    },
    rowOf: (delivery) => {
      const values = fields.valuesFor(delivery.values);
      const { to, messageId, attemptId } = delivery;
      if (values === undefined || `${to.email} ${to.name ?? ''}`.includes('%%')) return undefined;
      const row = {
        DeliveryAddress: to.email,
        ...(to.name ? { RecipientName: to.name } : {}),
        // No text asks for these two; they are there for whoever reads the call.
        [socketlabsIds.messageId]: messageId,
        [socketlabsIds.attemptId]: attemptId,
        ...values,
      };
      return Object.entries(row).map(([field, value]) => ({ field, value }));
    },
  };
};

interface Draft {
  readonly places: number[];
  readonly rows: (readonly MergeField[])[];
  readonly addresses: Set<string>;
  readonly content: MailContent;
  readonly merge: Merge | undefined;
  readonly isNamed: boolean;
}

const bulkMessage = (
  { content, merge, rows, isNamed }: Draft & { merge: Merge },
  callId: string,
): SocketlabsMessage => ({
  ...sharedPart(content, callId),
  ...merge.texts,
  to: [{ emailAddress: '%%DeliveryAddress%%', ...(isNamed ? { friendlyName: '%%RecipientName%%' } : {}) }],
  ...headersPart(content.headers, (text) => text),
  ...ownDataOf(content),
  mergeData: { PerMessage: rows },
});

/** One call, and the places (from 0) of its deliveries in the list that it was made from. */
export interface SocketlabsCall {
  readonly places: readonly number[];
  readonly message: SocketlabsMessage;
}

/**
 * Deliveries → messages, one a call. Up to 50 recipients share a message by merge rows, each address once, since an
 * event tells only the call and the address. Alone, with finished texts, go those with copies, with a token in a
 * header, and where percent signs would make the merge ambiguous.
 */
export const socketlabsCalls = (deliveries: readonly Delivery[]): readonly SocketlabsCall[] => {
  const merges = new Map<MailContent, Merge | undefined>();
  const drafts: Draft[] = [];
  deliveries.forEach((delivery, place) => {
    const { content, to, values } = delivery;
    if (!merges.has(content)) merges.set(content, mergeOf(content, Object.keys(values)));
    const row = hasCopies(delivery) ? undefined : merges.get(content)?.rowOf(delivery);
    const merge = row === undefined ? undefined : merges.get(content);
    const isNamed = Boolean(to.name);
    const address = to.email.toLowerCase();
    const draft =
      merge &&
      drafts.find(
        (candidate) =>
          candidate.merge === merge &&
          candidate.isNamed === isNamed &&
          candidate.places.length < socketlabsMaxRows &&
          !candidate.addresses.has(address),
      );
    if (draft === undefined) {
      drafts.push({ places: [place], rows: [row ?? []], addresses: new Set([address]), content, merge, isNamed });
    } else {
      draft.places.push(place);
      draft.rows.push(row ?? []);
      draft.addresses.add(address);
    }
  });
  return drafts.flatMap((draft) => {
    const { places, merge } = draft;
    const own = places.flatMap((place) => deliveries[place] ?? []);
    const [first] = own;
    if (first === undefined) return [];
    // One recipient alone needs no merge, and brings our ids back in its metadata.
    const isBulk = merge !== undefined && own.length > 1;
    return { places, message: isBulk ? bulkMessage({ ...draft, merge }, callIdOf(own)) : basicMessage(first) };
  });
};
