import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser';
import type { EmailRequest } from '../../../shared/contracts/email.ts';
import { emailRequest, messageClasses } from '../../../shared/contracts/email.ts';
import { isAllowedHeader } from '../../../shared/contracts/header-names.ts';
import { literal } from '../../../shared/render/literal-template.ts';
import { invalid } from '../refusal.ts';

export interface Envelope {
  /** Empty for the null sender. */
  readonly from: string;
  readonly to: readonly string[];
}

const asText = ({ address, name }: { readonly address?: string | undefined; readonly name: string }): string =>
  name === '' ? (address ?? '') : `"${name.replaceAll(/["\\]/g, '\\$&')}" <${address ?? ''}>`;

const oneAddress = (field: string, list: AddressObject | undefined): string | undefined => {
  const [first, ...others] = list?.value ?? [];
  if (others.length > 0) throw invalid([{ pointer: `/${field}`, detail: 'names more than one address' }]);
  return first?.address === undefined ? undefined : asText(first);
};

const unfolded = (line: string): string =>
  line
    .slice(line.indexOf(':') + 1)
    .replaceAll(/\r?\n[ \t]+/g, ' ')
    .trim();

/** What a header says to this door rather than to the reader: `x-mailfleet-class` and the like. */
const told = (mail: ParsedMail, name: string): string | undefined => {
  const line = mail.headerLines.find(({ key }) => key === `x-mailfleet-${name}`)?.line;
  return line === undefined ? undefined : unfolded(line);
};

const headersOf = (mail: ParsedMail): Record<string, string> =>
  Object.fromEntries(
    mail.headerLines.filter(({ key }) => isAllowedHeader(key)).map(({ key, line }) => [key, unfolded(line)]),
  );

const attachmentsOf = (mail: ParsedMail): EmailRequest['attachments'] =>
  mail.attachments.map(({ filename, contentType, content, cid }, index) => ({
    filename: filename ?? `attachment-${index + 1}`,
    contentType,
    content: content.toString('base64'),
    ...(cid === undefined ? {} : { contentId: cid }),
  }));

const classOf = (text: string | undefined): EmailRequest['class'] => {
  if (text === undefined) return undefined;
  const found = messageClasses.find((name) => name === text.toLowerCase());
  if (found === undefined)
    throw invalid([{ pointer: '/class', detail: `must be one of ${messageClasses.join(', ')}` }]);
  return found;
};

/**
 * A message as it came over SMTP → a request: every recipient of the envelope is a message of its own, and sees no other.
 * Text and HTML are no templates. Trace, routing and address headers are made anew; of the others those pass that any
 * request may set. Throws the refusal `invalid` for what cannot be carried.
 */
export const readMessage = async (raw: Buffer, envelope: Envelope): Promise<EmailRequest> => {
  const mail = await simpleParser(raw, {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipTextLinks: true,
    skipImageLinks: true,
  });
  const from = oneAddress('from', mail.from) ?? envelope.from;
  const replyTo = oneAddress('replyTo', mail.replyTo);
  const html = mail.html === false ? undefined : mail.html;
  const text = mail.text ?? (html === undefined ? '' : undefined);
  const headers = headersOf(mail);
  const attachments = attachmentsOf(mail) ?? [];
  const messageClass = classOf(told(mail, 'class'));
  const batch = told(mail, 'batch');
  const list = told(mail, 'unsubscribe-list');
  const tags = told(mail, 'tags')
    ?.split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  const parsed = emailRequest.safeParse({
    from,
    ...(replyTo === undefined ? {} : { replyTo }),
    subject: literal(mail.subject ?? ''),
    ...(text === undefined ? {} : { text: literal(text) }),
    ...(html === undefined ? {} : { html: literal(html) }),
    recipients: envelope.to.map((email) => ({ email })),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(attachments.length > 0 ? { attachments } : {}),
    ...(messageClass === undefined ? {} : { class: messageClass }),
    ...(batch === undefined ? {} : { batch: { id: batch } }),
    ...(list === undefined ? {} : { unsubscribe: { list } }),
    ...(tags === undefined || tags.length === 0 ? {} : { tags }),
  });
  if (parsed.success) return parsed.data;
  throw invalid(
    parsed.error.issues.slice(0, 5).map(({ path, message }) => ({ pointer: `/${path.join('/')}`, detail: message })),
  );
};
