import { sesMailboxOf, templateFault, templateNames } from './ses-text.ts';
import { isFields, list, parseBody, text, type Fields } from './wire-values.ts';

/** What SES refuses a call, or one entry of it, for. */
export interface SesFault {
  readonly name: string;
  readonly message: string;
}

const maxEntries = 50;
const maxRecipients = 50;
const maxTemplateBytes = 500 * 1024;
const maxDataCharacters = 262_144;
const forbiddenExtensions =
  /\.(ade|adp|bat|chm|cmd|com|cpl|exe|hta|inf|ins|jar|jse?|lnk|msc|msi|pif|reg|scr|sct|vb[es]?|ws[cfh]?)$/i;

const bad = (message: string): SesFault => ({ name: 'BadRequestException', message });

const part = (value: unknown, name: string): Fields => {
  const found = isFields(value) ? value[name] : undefined;
  return isFields(found) ? found : {};
};

export const templateOf = (call: Fields): Fields => part(part(call, 'DefaultContent'), 'Template');
export const simpleOf = (call: Fields): Fields => part(part(call, 'Content'), 'Simple');
export const addressesOf = (entry: Fields, kind: 'To' | 'Cc' | 'Bcc'): readonly string[] =>
  list(part(entry, 'Destination')[`${kind}Addresses`]).map(text);
export const templateDataOf = (entry: Fields): unknown => {
  const data = part(part(entry, 'ReplacementEmailContent'), 'ReplacementTemplate')['ReplacementTemplateData'];
  return parseBody(Buffer.from(text(data)));
};

const tagFault = (value: unknown): SesFault | undefined => {
  for (const tag of list(value)) {
    const { Name: name, Value: content } = isFields(tag) ? tag : {};
    for (const word of [name, content]) {
      if (typeof word === 'string' && /^[A-Za-z0-9_-]{1,256}$/.test(word)) continue;
      return bad(`Invalid email tag <${text(word)}>: only alphanumeric ASCII characters, '_' and '-' are allowed.`);
    }
  }
  return undefined;
};

// API reference, "MessageHeader".
const maxHeaders = 15;
const headerFault = (value: unknown): SesFault | undefined => {
  if (list(value).length > maxHeaders) return bad(`The number of headers exceeds ${maxHeaders}.`);
  const wrong = list(value).some((header) => {
    const { Name: name, Value: content } = isFields(header) ? header : {};
    const isFine = typeof name === 'string' && /^[!-9;-~]{1,126}$/.test(name) && typeof content === 'string';
    return !isFine || !/^[ -~]{1,870}$/.test(content);
  });
  return wrong ? bad('Invalid header: names and values are printable ASCII.') : undefined;
};

const attachmentFault = (value: unknown): SesFault | undefined => {
  for (const attachment of list(value)) {
    const { FileName: name, RawContent: content } = isFields(attachment) ? attachment : {};
    if (typeof name !== 'string' || name === '' || typeof content !== 'string') {
      return bad('An attachment needs FileName and RawContent.');
    }
    if (forbiddenExtensions.test(name)) return bad(`Unsupported attachment type: ${name}`);
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(content)) return bad('RawContent is not valid Base64.');
  }
  return undefined;
};

const senderFault = (call: Fields): SesFault | undefined => {
  const from = call['FromEmailAddress'];
  const ascii = (value: unknown): boolean => typeof value === 'string' && /^[ -~]+$/.test(value);
  if (!ascii(from) || sesMailboxOf(from) === undefined) return bad("Missing final '@domain' or invalid From address");
  const wrong = list(call['ReplyToAddresses']).find((value) => !ascii(value) || sesMailboxOf(value) === undefined);
  return wrong === undefined ? undefined : bad(`Invalid reply-to address ${text(wrong)}`);
};

/** What SES would answer for one destination, or undefined. */
export const destinationFault = (entry: Fields): SesFault | undefined => {
  const all = (['To', 'Cc', 'Bcc'] as const).flatMap((kind) => addressesOf(entry, kind));
  if (all.length === 0) return bad('At least one recipient is required.');
  if (all.length > maxRecipients) return bad(`Recipient count exceeds ${maxRecipients}.`);
  const wrong = all.find((value) => !/^[ -~]+$/.test(value) || sesMailboxOf(value) === undefined);
  return wrong === undefined ? undefined : bad(`Missing final '@domain' in recipient ${wrong}`);
};

/** What is wrong with one entry alone; the others of its call are taken. */
export const entryFault = (call: Fields, entry: Fields): SesFault | undefined => {
  const data = templateDataOf(entry);
  if (!isFields(data)) return bad('The replacement template data is not a JSON object.');
  const { Subject, Text, Html } = part(templateOf(call), 'TemplateContent');
  const missing = [Subject, Text, Html].flatMap((words) => templateNames(text(words))).find((name) => !(name in data));
  // At Amazon this comes out only later, as an event; here whoever forgot a value should see it.
  if (missing !== undefined) return bad(`Attribute '${missing}' is not present in the rendering data.`);
  return destinationFault(entry);
};

/** What SES would refuse about a whole `SendBulkEmail`, or undefined. */
export const bulkFault = (call: Fields): SesFault | undefined => {
  const template = templateOf(call);
  const content = part(template, 'TemplateContent');
  const texts = ['Subject', 'Text', 'Html'].map((name) => text(content[name]));
  if (texts[0] === '') return bad('The subject must be specified.');
  if (texts[1] === '' && texts[2] === '') return bad('At least one of text part or HTML part is required.');
  if (Buffer.byteLength(texts.join('')) > maxTemplateBytes) return bad('The template is larger than 500 KB.');
  if (!isFields(parseBody(Buffer.from(text(template['TemplateData'])))))
    return bad('TemplateData is not a JSON object.');
  const syntax = texts.map(templateFault).find((fault) => fault !== undefined);
  if (syntax !== undefined) return bad(syntax);
  const entries = list(call['BulkEmailEntries']);
  if (entries.length === 0) return bad('At least one entry is required.');
  if (entries.length > maxEntries) return bad(`The number of entries exceeds ${maxEntries}.`);
  for (const entry of entries) {
    if (!isFields(entry)) return bad('An entry is an object.');
    const data = part(part(entry, 'ReplacementEmailContent'), 'ReplacementTemplate')['ReplacementTemplateData'];
    if (text(data).length > maxDataCharacters) return bad('ReplacementTemplateData is too long.');
    const fault = tagFault(entry['ReplacementTags']) ?? headerFault(entry['ReplacementHeaders']);
    if (fault !== undefined) return fault;
  }
  return (
    senderFault(call) ??
    tagFault(call['DefaultEmailTags']) ??
    headerFault(template['Headers']) ??
    attachmentFault(template['Attachments'])
  );
};

/** What SES would refuse about a `SendEmail` with simple content, or undefined. */
export const singleFault = (call: Fields): SesFault | undefined => {
  const simple = simpleOf(call);
  const body = part(simple, 'Body');
  if (text(part(simple, 'Subject')['Data']) === '') return bad('The subject must be specified.');
  if (text(part(body, 'Text')['Data']) === '' && text(part(body, 'Html')['Data']) === '') {
    return bad('At least one of text part or HTML part is required.');
  }
  return (
    senderFault(call) ??
    destinationFault(call) ??
    tagFault(call['EmailTags']) ??
    headerFault(simple['Headers']) ??
    attachmentFault(simple['Attachments'])
  );
};
