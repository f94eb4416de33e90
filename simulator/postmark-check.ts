import { bytesOf, isFields, list, parseMailboxes, text, type Fields, type Mailbox } from './wire-values.ts';

export interface PostmarkFault {
  readonly ErrorCode: number;
  readonly Message: string;
}

const maxRecipients = 50;
const maxTextBytes = 5 * 1024 * 1024;
const maxAttachmentBytes = 10 * 1024 * 1024;
const forbiddenExtensions =
  /\.(vbs|exe|bin|bat|chm|com|cpl|crt|hlp|hta|inf|ins|isp|jse?|lnk|mdb|pcd|pif|reg|scr|sct|shs|vbe|vba|wsf|wsh|wsl|msc|msi|msp|mst)$/i;

const fault = (Message: string, ErrorCode = 300): PostmarkFault => ({ ErrorCode, Message });

const mailboxes = (value: unknown): readonly Mailbox[] | undefined =>
  value === undefined || value === null || value === ''
    ? []
    : typeof value === 'string'
      ? parseMailboxes(value)
      : undefined;

const addressFault = (message: Fields): PostmarkFault | undefined => {
  const [from, to, cc, bcc, replyTo] = ['From', 'To', 'Cc', 'Bcc', 'ReplyTo'].map((name) => mailboxes(message[name]));
  if (from?.length !== 1) return fault(`Invalid 'From' address: '${text(message['From'])}'.`);
  if (to === undefined)
    return fault(`Error parsing 'To': Illegal email address '${text(message['To'])}'. It must contain the '@' symbol.`);
  if (to.length === 0) return fault('Zero recipients specified');
  if (cc === undefined) return fault(`Error parsing 'Cc': Illegal email address '${text(message['Cc'])}'.`);
  if (bcc === undefined) return fault(`Error parsing 'Bcc': Illegal email address '${text(message['Bcc'])}'.`);
  if (replyTo === undefined) return fault(`Invalid 'ReplyTo' address: '${text(message['ReplyTo'])}'.`);
  if (to.length + cc.length + bcc.length > maxRecipients)
    return fault(`Recipient limit of ${maxRecipients} was exceeded.`);
  // A mailbox of this name stands for one that Postmark has put on its list after a bounce.
  const inactive = to.find(({ email }) => email.toLowerCase().startsWith('inactive@'));
  if (inactive !== undefined) {
    return fault(
      `You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: ${inactive.email}.`,
      406,
    );
  }
  return undefined;
};

const metadataFault = (value: unknown): PostmarkFault | undefined => {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) return fault('Metadata must be an object.', 403);
  const entries = Object.entries(value);
  if (entries.length > 10) return fault('Metadata: no more than 10 fields are allowed.');
  if (new Set(entries.map(([name]) => name.toLowerCase())).size < entries.length)
    return fault('Metadata: duplicate field names.');
  for (const [name, entry] of entries) {
    if (name === '' || name.length > 20) return fault(`Metadata field name '${name}' exceeds 20 characters.`);
    if (typeof entry !== 'string') return fault(`Metadata field '${name}' must be a string.`, 403);
    if (entry.length > 80) return fault(`Metadata value of field '${name}' exceeds 80 characters.`);
  }
  return undefined;
};

const attachmentFault = (value: unknown): PostmarkFault | undefined => {
  let bytes = 0;
  for (const attachment of list(value)) {
    const { Name, Content, ContentType } = isFields(attachment) ? attachment : {};
    if (typeof Name !== 'string' || typeof Content !== 'string' || typeof ContentType !== 'string' || Name === '') {
      return fault('An attachment needs Name, Content and ContentType.');
    }
    if (forbiddenExtensions.test(Name)) return fault(`The file type of '${Name}' is not allowed.`, 411);
    if (!/^[A-Za-z0-9+/\s]*={0,2}$/.test(Content)) return fault(`The content of '${Name}' is not valid Base64.`);
    bytes += Content.length;
  }
  return bytes > maxAttachmentBytes ? fault('The message is larger than 10 MB.') : undefined;
};

const headerFault = (value: unknown): PostmarkFault | undefined => {
  const bad = list(value).find(
    (header) => !isFields(header) || text(header['Name']) === '' || typeof header['Value'] !== 'string',
  );
  return bad === undefined ? undefined : fault('Headers need a Name and a Value.');
};

/** What Postmark would refuse about one message, or undefined when it would take it. */
export const postmarkFault = (value: unknown): PostmarkFault | undefined => {
  if (!isFields(value)) return fault('A message is an object.', 403);
  const { HtmlBody: html, TextBody: plain, Tag: tag, Subject: subject } = value;
  const bodies = { html: text(html), plain: text(plain) };
  if (subject !== undefined && typeof subject !== 'string') return fault("Field 'Subject' must be a string.", 403);
  if (bodies.html === '' && bodies.plain === '') return fault('Provide either email TextBody or HtmlBody or both.');
  if (bytesOf({ h: bodies.html }) > maxTextBytes || bytesOf({ t: bodies.plain }) > maxTextBytes) {
    return fault('TextBody and HtmlBody may have 5 MB each.');
  }
  if (text(tag).length > 1_000) return fault('Tag exceeds 1000 characters.');
  return (
    addressFault(value) ??
    metadataFault(value['Metadata']) ??
    headerFault(value['Headers']) ??
    attachmentFault(value['Attachments'])
  );
};
