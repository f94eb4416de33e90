import type { EmailRequest } from '../../../shared/contracts/email.ts';
import { headerText, storableText } from '../../../shared/contracts/text.ts';
import { parseAddress } from '../../../shared/domain/email-address.ts';

const fields = ['fromEmail', 'fromName', 'toEmail', 'toName', 'subject', 'body'] as const;
type Field = (typeof fields)[number];
type FieldErrors = Partial<Record<Field, string>>;

export type ReadForm =
  | { readonly kind: 'request'; readonly request: EmailRequest }
  /** Not of this shape at all. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'invalid'; readonly errors: FieldErrors };

const names: Readonly<Record<Field, string>> = {
  fromEmail: 'From email',
  fromName: 'From name',
  toEmail: 'To email',
  toName: 'To name',
  subject: 'Subject',
  body: 'Body',
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const namedAddress = (email: string, name: string): string =>
  name === '' ? email : `"${name.replaceAll(/["\\]/g, '\\$&')}" <${email}>`;

const addressFault = (field: 'fromEmail' | 'toEmail', text: string): FieldErrors => {
  if (text === '') return { [field]: `${names[field]} is required` };
  const isBare = !/[\s<>,;]/.test(text) && parseAddress(text) !== undefined;
  return isBare ? {} : { [field]: `${names[field]} is not a valid email` };
};

const lineFault = (field: 'fromName' | 'toName' | 'subject', text: string): FieldErrors => {
  const checked = headerText(field === 'subject' ? 2_000 : 500).safeParse(text);
  return checked.success ? {} : { [field]: `${names[field]} ${checked.error.issues[0]?.message ?? 'is not valid'}` };
};

const bodyFault = (text: string): FieldErrors => {
  if (text === '') return { body: 'Body is required' };
  return storableText(204_800).safeParse(text).success
    ? {}
    : { body: 'Body contains characters that mail cannot carry' };
};

/**
 * The send form's body → a request, or the seed's own sentences by field. As there, unknown fields pass, a missing or null
 * one is empty, and one that is no text makes the whole malformed. Subject and body are text: braces are no templates.
 */
export const readSendForm = (body: unknown): ReadForm => {
  if (!isObject(body)) return { kind: 'malformed' };
  const email = body['email'] ?? {};
  if (!isObject(email)) return { kind: 'malformed' };
  const given = fields.map((field) => [field, email[field] ?? ''] as const);
  if (given.some(([, value]) => typeof value !== 'string')) return { kind: 'malformed' };
  const text = Object.fromEntries(given) as Record<Field, string>;
  const errors = {
    ...addressFault('fromEmail', text.fromEmail),
    ...lineFault('fromName', text.fromName),
    ...addressFault('toEmail', text.toEmail),
    ...lineFault('toName', text.toName),
    ...lineFault('subject', text.subject),
    ...bodyFault(text.body),
  };
  if (Object.keys(errors).length > 0) return { kind: 'invalid', errors };
  const { subject, body: content } = text;
  const to = { email: text.toEmail, ...(text.toName === '' ? {} : { name: text.toName }) };
  return {
    kind: 'request',
    request: {
      from: namedAddress(text.fromEmail, text.fromName),
      subject: '{{ subject }}',
      text: '{{ body }}',
      recipients: [{ ...to, substitutions: { subject, body: content } }],
    },
  };
};
