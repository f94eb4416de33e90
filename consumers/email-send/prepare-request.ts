import type {
  EmailRecord,
  HeavyContent,
  RequestPart,
  SealedValues,
  SharedContent,
  TemplateValues,
} from '../../shared/contracts/email.ts';
import { utc } from '../../shared/contracts/text.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import { checkEmailRequest } from '../../shared/domain/check-email-request.ts';
import { adminAccountId } from '../../shared/domain/account.ts';
import { parseAddress } from '../../shared/domain/email-address.ts';
import { mailboxProviderOf, mailboxProviders, type MailboxProvider } from '../../shared/domain/mailbox-provider.ts';
import type { MessageClass } from '../../shared/domain/next-attempt.ts';
import type { SenderFault } from '../../shared/domain/sender-domain.ts';
import type { TemplateTexts } from '../../shared/contracts/templates-api.ts';
import { compileMail, type CompiledMail } from './compile-mail.ts';
import { wholeRequest } from '../../shared/domain/split-recipients.ts';

export interface PreparedRecipient {
  readonly email: string;
  readonly name: string | null;
  readonly mailboxProvider: MailboxProvider;
  readonly substitutions?: TemplateValues | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly sealed?: SealedValues | undefined;
  readonly cc?: readonly string[] | undefined;
  readonly bcc?: readonly string[] | undefined;
}

/** One record's share of a request, checked and ready to be stored and sent. */
export interface PreparedRequest {
  readonly id: string;
  readonly accountId: string;
  /** Domain of `from`: whose good name the mail bears. */
  readonly senderDomain: string | null;
  readonly messageClass: MessageClass;
  readonly policy: 'at-least-once' | 'at-most-once';
  readonly batchId: string | null;
  /** Its recipients go out in batches; null: all at once. */
  readonly pace: { readonly size: number; readonly intervalSeconds: number } | null;
  readonly esps: readonly string[] | null;
  readonly sendAt: string | null;
  readonly asked: SharedContent;
  readonly mail: CompiledMail;
  /** The mail with the texts of another version of its template: that of the part that was stored first. */
  readonly compileWith: (texts: TemplateTexts) => CompiledMail;
  readonly part: RequestPart;
  readonly recipients: readonly PreparedRecipient[];
}

// The door counts rightly, but a foreign producer may claim anything, and a split that does not add up serves nobody.
const isPartOfItself = (part: RequestPart, providers: readonly MailboxProvider[]): boolean => {
  const claimed = mailboxProviders.reduce((sum, provider) => sum + (part.providers[provider]?.total ?? 0), 0);
  const own = Object.entries(wholeRequest(providers).providers);
  return (
    part.number < part.of &&
    part.first + providers.length <= part.total &&
    claimed === part.total &&
    own.every(([provider, { total }]) => {
      const of = part.providers[provider];
      return of !== undefined && of.first + total <= of.total;
    })
  );
};

const paceOf = ({ batch }: EmailRecord): PreparedRequest['pace'] =>
  batch?.size === undefined || batch.intervalSeconds === undefined
    ? null
    : { size: batch.size, intervalSeconds: batch.intervalSeconds };

/** The texts alone, whatever stands beside them. */
export const textsOf = (texts: TemplateTexts | undefined): Partial<TemplateTexts> =>
  texts === undefined ? {} : { subject: texts.subject, text: texts.text, html: texts.html };

/** Whose mail a record is, and the domain it bears; a record without an account is the administrators'. */
export const senderOf = (record: EmailRecord): { readonly accountId: string; readonly domain: string | undefined } => ({
  accountId: record.accountId ?? adminAccountId,
  domain: parseAddress(record.from)?.domain,
});

/**
 * Checks a record as the door checks a request, since a foreign producer has passed no door. Throws
 * `InvalidMessageError` with every fault in its message when the record can never be sent.
 */
export const prepareRequest = (
  record: EmailRecord,
  origin: {
    readonly requestId: string;
    readonly laneClass: MessageClass;
    readonly configuredEsps: readonly string[];
    /** Whether an account may send from a domain. */
    readonly judgeSender: (asked: ReturnType<typeof senderOf>) => SenderFault | undefined;
    /** What `contentRef` names, when the record has one. */
    readonly heavy?: HeavyContent | undefined;
    /** The texts of the template that the record names, when it names one. */
    readonly template?: (TemplateTexts & { readonly version: number; readonly language: string }) | undefined;
    /** Compiles, or answers what it compiled for another part of the same request. */
    readonly compile?: (asked: SharedContent, requestId: string, accountId: string) => CompiledMail;
  },
): PreparedRequest => {
  const faults = checkEmailRequest(record);
  if (faults.length > 0) {
    const list = faults.slice(0, 5).map((fault) => `${fault.pointer} ${fault.detail}`);
    throw new InvalidMessageError('bad-request', `The request cannot be sent: ${list.join('; ')}`);
  }
  const sender = senderOf(record);
  const senderFault = origin.judgeSender(sender);
  if (senderFault !== undefined) throw new InvalidMessageError(senderFault.code, senderFault.detail);
  if (record.esps !== undefined && !record.esps.some((esp) => origin.configuredEsps.includes(esp))) {
    throw new InvalidMessageError('unknown-esp', `None of the ESPs it names is configured: ${record.esps.join(', ')}`);
  }
  const asked: SharedContent = {
    from: record.from,
    replyTo: record.replyTo,
    subject: record.subject,
    text: record.text,
    html: record.html,
    headers: record.headers,
    tags: record.tags,
    attachments: record.attachments,
    data: record.data,
    strictVariables: record.strictVariables,
    contentRef: record.contentRef,
    unsubscribe: record.unsubscribe && { list: record.unsubscribe.list },
    template: origin.template &&
      record.template && {
        id: record.template.id,
        language: origin.template.language,
        version: origin.template.version,
      },
  };
  const recipients = record.recipients.map((recipient): PreparedRecipient => {
    const address = parseAddress(recipient.email);
    if (address === undefined)
      throw new InvalidMessageError('bad-address', 'A recipient is not a valid email address.');
    return {
      email: address.email,
      name: recipient.name ?? address.name ?? null,
      mailboxProvider: mailboxProviderOf(address.domain),
      substitutions: recipient.substitutions,
      metadata: recipient.metadata,
      sealed: recipient.sealed,
      cc: recipient.cc,
      bcc: recipient.bcc,
    };
  });
  const providers = recipients.map((recipient) => recipient.mailboxProvider);
  if (record.part !== undefined && !isPartOfItself(record.part, providers)) {
    throw new InvalidMessageError('bad-part', 'The part does not add up with the recipients that it holds.');
  }
  const id = record.id ?? origin.requestId;
  const compile = origin.compile ?? ((content: SharedContent) => compileMail(content));
  const compileWith = (texts: TemplateTexts | undefined): CompiledMail =>
    compile({ ...asked, ...origin.heavy, ...textsOf(texts) }, id, sender.accountId);
  return {
    id,
    accountId: sender.accountId,
    senderDomain: sender.domain ?? null,
    messageClass: record.class ?? origin.laneClass,
    policy: record.policy ?? 'at-least-once',
    batchId: record.batch?.id ?? null,
    pace: paceOf(record),
    esps: record.esps ?? null,
    sendAt: utc(record.sendAt) ?? null,
    asked,
    mail: compileWith(origin.template),
    compileWith,
    part: record.part ?? wholeRequest(providers),
    recipients,
  };
};
