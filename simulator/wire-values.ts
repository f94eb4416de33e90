import { createHash } from 'node:crypto';

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The entries of an object that are text. */
export const texts = (value: unknown): Record<string, string> => {
  const result: Record<string, string> = {};
  if (isFields(value))
    for (const [key, text] of Object.entries(value)) if (typeof text === 'string') result[key] = text;
  return result;
};

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

export const parseBody = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
};

// RFC 5321 §4.1.2: a dot-string or a quoted string, `@`, a domain with a dot.
const plainLocal = /^[^\s@<>()[\]\\,;:"]{1,64}$/;
const quotedLocal = /^"(?:[^"\\]|\\.){0,62}"$/;
const domainShape = /^[^\s@<>()[\]\\,;:"]+\.[^\s@<>()[\]\\,;:".]+$/;
const isAddressText = (value: string): boolean => {
  const at = value.lastIndexOf('@');
  const local = value.slice(0, at);
  return (plainLocal.test(local) || quotedLocal.test(local)) && domainShape.test(value.slice(at + 1));
};

/** Whether a provider would take it for an address: local part, `@`, a domain with a dot. */
export const isAddress = (value: unknown): value is string => typeof value === 'string' && isAddressText(value);

export interface Mailbox {
  readonly email: string;
  readonly name: string | null;
}

/** How a mail program writes a mailbox: a name with special characters in quotes (RFC 5322 §3.4). */
export const mailboxText = ({ email, name }: Mailbox): string => {
  if (name === null || name === '') return email;
  return `${/[()<>[\]:;@\\,."]/.test(name) ? `"${name.replace(/[\\"]/g, '\\$&')}"` : name} <${email}>`;
};

// A quoted string may be a name before `<` as well as the beginning of an address.
const onePart =
  /\s*(?:(?:"((?:\\.|[^"\\])*)"|([^<>",]*))\s*<((?:"(?:\\.|[^"\\])*"|[^<>\s"])*)>|((?:"(?:\\.|[^"\\])*")?[^<>",\s]+))\s*(?:,|$)/y;

/** A comma-separated list of mailboxes, or undefined when it is none or holds an address that is none. */
export const parseMailboxes = (value: string): readonly Mailbox[] | undefined => {
  const mailboxes: Mailbox[] = [];
  onePart.lastIndex = 0;
  while (onePart.lastIndex < value.length) {
    const part = onePart.exec(value);
    if (part === null) return undefined;
    const [, quoted, plain, inBrackets, bare] = part;
    const email = inBrackets ?? bare ?? '';
    if (!isAddress(email)) return undefined;
    const name = quoted?.replace(/\\(.)/g, '$1') ?? plain?.trim() ?? '';
    mailboxes.push({ email, name: name === '' ? null : name });
  }
  return mailboxes;
};

export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

/** UTF-8 bytes of keys and values. */
export const bytesOf = (record: Readonly<Record<string, string>>): number => {
  let bytes = 0;
  for (const [key, value] of Object.entries(record)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  return bytes;
};
