import type { Attachment, Delivery, MailContent } from '../esp.ts';
import { tokenReplacer } from '../replace-tokens.ts';
import { asciiHeader, sesMailbox } from './mailbox.ts';
import { sesTags, type SesTag } from './tags.ts';
import { sesTemplate } from './template.ts';

interface SesHeader {
  readonly Name: string;
  readonly Value: string;
}
interface SesAttachment {
  readonly FileName: string;
  readonly ContentType: string;
  readonly ContentTransferEncoding: 'BASE64';
  readonly ContentDisposition: 'ATTACHMENT' | 'INLINE';
  readonly ContentId?: string;
  readonly RawContent: Uint8Array;
}
interface SesDestination {
  readonly ToAddresses: string[];
  readonly CcAddresses?: string[];
  readonly BccAddresses?: string[];
}
interface SesSender {
  readonly FromEmailAddress: string;
  readonly ReplyToAddresses?: string[];
  readonly ConfigurationSetName?: string;
}

/** The input of `SendBulkEmail`: one content with expressions, and what is each recipient's own. */
export interface SesBulk extends SesSender {
  readonly DefaultContent: {
    readonly Template: {
      readonly TemplateContent: { readonly Subject: string; readonly Text?: string; readonly Html?: string };
      readonly TemplateData: string;
      readonly Headers?: SesHeader[];
      readonly Attachments?: SesAttachment[];
    };
  };
  readonly BulkEmailEntries: {
    readonly Destination: SesDestination;
    readonly ReplacementTags: SesTag[];
    readonly ReplacementHeaders?: SesHeader[];
    readonly ReplacementEmailContent: { readonly ReplacementTemplate: { readonly ReplacementTemplateData: string } };
  }[];
}

interface SesText {
  readonly Data: string;
  readonly Charset: 'UTF-8';
}

/** The input of `SendEmail`: one finished message. */
export interface SesSingle extends SesSender {
  readonly Destination: SesDestination;
  readonly EmailTags: SesTag[];
  readonly Content: {
    readonly Simple: {
      readonly Subject: SesText;
      readonly Body: { readonly Text?: SesText; readonly Html?: SesText };
      readonly Headers?: SesHeader[];
      readonly Attachments?: SesAttachment[];
    };
  };
}

/** One call, and the places (from 0) of its deliveries in the list that it was made from. */
export type SesCall = { readonly places: readonly number[] } & (
  { readonly kind: 'bulk'; readonly input: SesBulk } | { readonly kind: 'single'; readonly input: SesSingle }
);

export const sesMaxEntries = 50;
// ReplacementTemplateData may have 262,144 characters, a template 500 KB.
const maxDataCharacters = 250_000;
const maxTemplateBytes = 480_000;

const header = (Name: string, value: string): SesHeader => ({ Name, Value: asciiHeader(value) });

const attachmentOf = ({ filename, contentType, content, contentId }: Attachment): SesAttachment => ({
  FileName: filename,
  ContentType: contentType,
  ContentTransferEncoding: 'BASE64',
  ContentDisposition: contentId === undefined ? 'ATTACHMENT' : 'INLINE',
  ...(contentId === undefined ? {} : { ContentId: contentId }),
  RawContent: Buffer.from(content, 'base64'),
});

const senderOf = ({ from, replyTo }: MailContent, configurationSet: string | undefined): SesSender => ({
  FromEmailAddress: sesMailbox(from),
  ...(replyTo === undefined ? {} : { ReplyToAddresses: [sesMailbox(replyTo)] }),
  ...(configurationSet === undefined ? {} : { ConfigurationSetName: configurationSet }),
});

const destinationOf = ({ to, cc, bcc }: Delivery): SesDestination => ({
  ToAddresses: [sesMailbox(to)],
  ...(cc.length === 0 ? {} : { CcAddresses: cc.map(sesMailbox) }),
  ...(bcc.length === 0 ? {} : { BccAddresses: bcc.map(sesMailbox) }),
});

const optional = <K extends string, V>(name: K, list: readonly V[]): Partial<Record<K, V[]>> =>
  list.length === 0 ? {} : ({ [name]: [...list] } as Partial<Record<K, V[]>>);

const singleOf = (delivery: Delivery, configurationSet: string | undefined): SesSingle => {
  const { content, values } = delivery;
  const replace = tokenReplacer(Object.keys(values));
  const ready = (text: string): SesText => ({ Data: replace(text, values), Charset: 'UTF-8' });
  const headers = Object.entries(content.headers).map(([name, value]) => header(name, replace(value, values)));
  return {
    ...senderOf(content, configurationSet),
    Destination: destinationOf(delivery),
    EmailTags: sesTags(delivery),
    Content: {
      Simple: {
        Subject: ready(content.subject),
        Body: {
          ...(content.text ? { Text: ready(content.text) } : {}),
          ...(content.html ? { Html: ready(content.html) } : {}),
        },
        ...optional('Headers', headers),
        ...optional('Attachments', content.attachments.map(attachmentOf)),
      },
    },
  };
};

/** Deliveries that share one content → bulk calls; those that bulk cannot carry alone, with finished texts. */
const callsOf = (
  content: MailContent,
  group: readonly { readonly delivery: Delivery; readonly place: number }[],
  configurationSet: string | undefined,
): SesCall[] => {
  const template = sesTemplate(Object.keys(group[0]?.delivery.values ?? {}));
  const replace = tokenReplacer(Object.keys(group[0]?.delivery.values ?? {}));
  const TemplateContent = {
    Subject: template.text(content.subject),
    ...(content.text ? { Text: template.text(content.text) } : {}),
    ...(content.html ? { Html: template.text(content.html) } : {}),
  };
  const templateBytes = Object.values(TemplateContent).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  // Expressions do not reach headers, so a header with a token is written out for each recipient.
  const headers = Object.entries(content.headers);
  const first = group[0]?.delivery.values ?? {};
  const isOwn = ([, value]: readonly [string, string]): boolean => replace(value, first) !== value;
  const own = headers.filter(isOwn);
  const common = headers.filter((entry) => !isOwn(entry)).map(([name, value]) => header(name, value));

  const rows = group.map(({ delivery, place }) => ({ delivery, place, data: template.data(delivery.values) }));
  const fits = ({ data }: { readonly data: string }): boolean =>
    templateBytes <= maxTemplateBytes && data.length <= maxDataCharacters;
  const alone = rows.filter((row) => !fits(row));
  const together = rows.filter(fits);
  const chunks = Array.from({ length: Math.ceil(together.length / sesMaxEntries) }, (_, index) =>
    together.slice(index * sesMaxEntries, (index + 1) * sesMaxEntries),
  );
  return [
    ...chunks.map((chunk): SesCall => ({
      kind: 'bulk',
      places: chunk.map(({ place }) => place),
      input: {
        ...senderOf(content, configurationSet),
        DefaultContent: {
          Template: {
            TemplateContent,
            TemplateData: '{}',
            ...optional('Headers', common),
            ...optional('Attachments', content.attachments.map(attachmentOf)),
          },
        },
        BulkEmailEntries: chunk.map(({ delivery, data }) => ({
          Destination: destinationOf(delivery),
          ReplacementTags: sesTags(delivery),
          ...optional(
            'ReplacementHeaders',
            own.map(([name, value]) => header(name, replace(value, delivery.values))),
          ),
          ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: data } },
        })),
      },
    })),
    ...alone.map(({ delivery, place }): SesCall => ({
      kind: 'single',
      places: [place],
      input: singleOf(delivery, configurationSet),
    })),
  ];
};

/**
 * Deliveries → calls of SES v2, one for a list that fits one. Parted are contents that differ, more than 50 entries, and
 * a recipient whose values or texts are too large for a template, who gets the finished message alone.
 */
export const sesCalls = (deliveries: readonly Delivery[], configurationSet?: string): readonly SesCall[] => {
  const groups = new Map<MailContent, { delivery: Delivery; place: number }[]>();
  deliveries.forEach((delivery, place) => {
    const group = groups.get(delivery.content);
    if (group === undefined) groups.set(delivery.content, [{ delivery, place }]);
    else group.push({ delivery, place });
  });
  return [...groups].flatMap(([content, group]) => callsOf(content, group, configurationSet));
};
