import { maxRecipients, type EmailRequest } from '../../../shared/contracts/email.ts';
import type { SendgridAddress, SendgridMail } from '../../../shared/contracts/sendgrid-mail.ts';
import { parseAddress } from '../../../shared/domain/email-address.ts';
import { keyPattern, keysAsVariables, replaceKeys } from '../../../shared/render/literal-template.ts';

type Recipient = EmailRequest['recipients'][number];
type Personalization = SendgridMail['personalizations'][number];
type Values = Readonly<Record<string, string>>;

export interface SendgridFault {
  /** As SendGrid names it: `personalizations.0.to.0.email`. */
  readonly field: string;
  readonly message: string;
}

export type ReadMail =
  | { readonly ok: true; readonly requests: readonly [EmailRequest, ...(readonly EmailRequest[])] }
  | { readonly ok: false; readonly faults: readonly SendgridFault[] };

const asText = ({ email, name }: SendgridAddress): string =>
  name === undefined || name === null || name === '' ? email : `"${name.replaceAll(/["\\]/g, '\\$&')}" <${email}>`;

const asStrings = (values: Readonly<Record<string, string | number | boolean | null>> | null | undefined): Values =>
  Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, value === null ? '' : String(value)]));

const addressFaults = (field: string, address: SendgridAddress | null | undefined): SendgridFault[] =>
  address === undefined || address === null || parseAddress(address.email) !== undefined
    ? []
    : [{ field: `${field}.email`, message: 'Does not contain a valid address.' }];

const faultsOf = (mail: SendgridMail): SendgridFault[] => {
  const faults = [...addressFaults('from', mail.from), ...addressFaults('reply_to', mail.reply_to)];
  if ((mail.reply_to_list?.length ?? 0) > 1)
    faults.push({ field: 'reply_to_list', message: 'More than one reply address is not carried here.' });
  mail.reply_to_list?.forEach((address, at) => faults.push(...addressFaults(`reply_to_list.${at}`, address)));
  const hasTemplate = typeof mail.template_id === 'string' && mail.template_id !== '';
  if (!hasTemplate && (mail.content?.length ?? 0) === 0)
    faults.push({ field: 'content', message: 'The content value must be an array of at least one element.' });
  mail.content?.forEach(({ type }, at) => {
    if (!/^text\/(plain|html)\b/i.test(type))
      faults.push({ field: `content.${at}.type`, message: `Content of type ${type} is not carried here.` });
  });
  const recipients = mail.personalizations.reduce((sum, { to }) => sum + to.length, 0);
  if (recipients > maxRecipients)
    faults.push({ field: 'personalizations', message: `At most ${maxRecipients} recipients are taken at once.` });
  mail.personalizations.forEach((personalization, index) => {
    const at = `personalizations.${index}`;
    const hasSubject = [personalization.subject, mail.subject].some((text) => typeof text === 'string' && text !== '');
    if (!hasSubject && !hasTemplate) faults.push({ field: `${at}.subject`, message: 'The subject is required.' });
    faults.push(...addressFaults(`${at}.from`, personalization.from));
    for (const list of ['to', 'cc', 'bcc'] as const)
      personalization[list]?.forEach((address, n) => faults.push(...addressFaults(`${at}.${list}.${n}`, address)));
  });
  return faults;
};

const partOf = (mail: SendgridMail, type: 'text/plain' | 'text/html'): string | undefined => {
  const part = mail.content?.find((content) => content.type.toLowerCase().startsWith(type))?.value;
  const { enable, text, html } = mail.mail_settings?.footer ?? {};
  const footer = enable === true ? (type === 'text/plain' ? text : html) : undefined;
  return part === undefined || footer === undefined || footer === null ? part : `${part}${footer}`;
};

const attachmentsOf = (mail: SendgridMail): EmailRequest['attachments'] =>
  mail.attachments?.map(({ content, filename, type, ...more }) => {
    const contentId = more.content_id ?? more.contentId ?? '';
    return {
      filename,
      contentType: typeof type === 'string' && type.includes('/') ? type : 'application/octet-stream',
      content,
      ...(contentId === '' ? {} : { contentId }),
    };
  });

// What a personalization may say for itself and a request of ours says once: each other value is a request of its own.
const groupKey = ({ from, headers, send_at: sendAt }: Personalization): string =>
  JSON.stringify([from ?? null, headers ?? null, sendAt ?? null]);

/**
 * SendGrid's mail → requests of ours, mostly one. Each `to` address is a message; copies go with the first of its
 * personalization. Substitutions and sections are replaced as text wherever their keys stand; a `template_id` names a
 * stored template, which is filled with the dynamic data; `asm` is the unsubscribe list of its number.
 */
export const readSendgridMail = (mail: SendgridMail): ReadMail => {
  const faults = faultsOf(mail);
  if (faults.length > 0) return { ok: false, faults };
  const sections = asStrings(mail.sections);
  const sectionPattern = keyPattern(Object.keys(sections));
  const keys = new Set(Object.keys(sections));
  for (const { substitutions } of mail.personalizations)
    for (const key of Object.keys(substitutions ?? {})) keys.add(key);
  const pattern = keyPattern([...keys]);
  const names = new Map([...keys].map((key, index) => [key, `value_${index}`]));
  const nameOf = (key: string): string => names.get(key) ?? 'value_none';
  const templateId = mail.template_id ?? '';

  const recipientsOf = (personalization: Personalization): Recipient[] => {
    const own = asStrings(personalization.substitutions);
    const inSections = (text: string): string => replaceKeys(text, sectionPattern, (key) => sections[key] ?? '');
    const ready = Object.fromEntries(
      Object.entries({ ...sections, ...own }).map(([key, value]) => [
        key,
        replaceKeys(inSections(value), pattern, (inner) => own[inner] ?? ''),
      ]),
    );
    const asked = personalization.subject ?? mail.subject ?? '';
    const substitutions = {
      ...personalization.dynamic_template_data,
      ...(templateId === '' ? { subject: replaceKeys(asked, pattern, (key) => ready[key] ?? '') } : {}),
      ...Object.fromEntries(Object.entries(ready).map(([key, value]) => [nameOf(key), value])),
    };
    const metadata = { ...asStrings(mail.custom_args), ...asStrings(personalization.custom_args) };
    return personalization.to.map((to, index) => ({
      email: asText(to),
      substitutions,
      ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
      ...(index === 0 && personalization.cc ? { cc: personalization.cc.map(asText) } : {}),
      ...(index === 0 && personalization.bcc ? { bcc: personalization.bcc.map(asText) } : {}),
    }));
  };

  const groups = new Map<string, Personalization[]>();
  for (const personalization of mail.personalizations) {
    const key = groupKey(personalization);
    groups.set(key, [...(groups.get(key) ?? []), personalization]);
  }
  const text = partOf(mail, 'text/plain');
  const html = partOf(mail, 'text/html');
  const attachments = attachmentsOf(mail);
  const replyTo = mail.reply_to ?? mail.reply_to_list?.[0];
  const requestOf = (group: readonly Personalization[]): EmailRequest => {
    const [first] = group;
    const sendAt = first?.send_at ?? mail.send_at;
    const headers = { ...mail.headers, ...first?.headers };
    return {
      from: asText(first?.from ?? mail.from),
      ...(replyTo ? { replyTo: asText(replyTo) } : {}),
      ...(templateId === ''
        ? {
            subject: '{{ subject | raw }}',
            ...(text === undefined ? {} : { text: keysAsVariables(text, pattern, nameOf) }),
            ...(html === undefined ? {} : { html: keysAsVariables(html, pattern, nameOf) }),
          }
        : { template: { id: templateId } }),
      recipients: group.flatMap(recipientsOf),
      ...(sendAt ? { sendAt: new Date(sendAt * 1_000).toISOString() } : {}),
      ...(Object.keys(headers).length > 0 ? { headers } : {}),
      ...(mail.categories && mail.categories.length > 0 ? { tags: mail.categories } : {}),
      ...(attachments === undefined ? {} : { attachments }),
      ...(mail.asm ? { unsubscribe: { list: String(mail.asm.group_id) } } : {}),
    };
  };
  const [one, ...others] = [...groups.values()].map(requestOf);
  if (one === undefined) return { ok: false, faults: [{ field: 'personalizations', message: 'is empty' }] };
  return { ok: true, requests: [one, ...others] };
};

/** Whether the mail is only to be checked. */
export const isSandboxed = (mail: SendgridMail): boolean => mail.mail_settings?.sandbox_mode?.enable === true;
