import { emailRecord, type EmailRecord } from '../../shared/contracts/email.ts';
import type { SeedAddress, SeedRecord } from '../../shared/contracts/seed-email.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import { keyPattern, keysAsVariables, replaceKeys } from '../../shared/render/literal-template.ts';

type Values = Readonly<Record<string, string>>;

const asText = (address: SeedAddress): string => {
  if (typeof address === 'string') return address;
  return address.name === undefined || address.name === null || address.name === ''
    ? address.email
    : `"${address.name.replaceAll(/["\\]/g, '\\$&')}" <${address.email}>`;
};

const asStrings = (values: Readonly<Record<string, string | number | boolean | null>> | null | undefined): Values =>
  Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, value === null ? '' : String(value)]));

// A key stands in a text as {{key}} or -key-, or just as it is when it brings marks of its own (%name%, [name]).
const patternOf = (keys: readonly string[]): RegExp | undefined => {
  const marked = keys.filter((key) => /^\W.*\W$/.test(key));
  const bare = keyPattern(marked)?.source ?? '((?!))';
  return keyPattern(keys, (any) => [`\\{\\{\\s*(${any})\\s*\\}\\}`, `-(${any})-`, bare]);
};

/** Sections first, then substitutions, then once more: a section's text may hold substitutions of its own. */
const readyValues = (substitutions: Values, sections: Values, pattern: RegExp | undefined): Values =>
  Object.fromEntries(
    Object.entries(substitutions).map(([key, value]) => {
      const section = sections[value] ?? value;
      return [key, replaceKeys(section, pattern, (inner) => substitutions[inner] ?? '')];
    }),
  );

const requestIdShape = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * The Go consumer's record → a request of ours that comes out as its own did, but for its mistakes: each `to` address is
 * a message, a personalisation's cc and bcc go with its first, its own subject wins, sections and both kinds of
 * placeholders are replaced. Values stand unescaped in HTML, since the seed's sections are HTML. Throws
 * `InvalidMessageError` when the result is no valid request.
 */
export const readSeedRecord = (record: SeedRecord): EmailRecord => {
  const { body } = record;
  const sections = asStrings(body.sections);
  const keys = new Set(Object.keys(sections));
  for (const { substitutions } of body.personalizations)
    Object.keys(substitutions ?? {}).forEach((key) => keys.add(key));
  const names = new Map([...keys].map((key, index) => [key, `value_${index}`]));
  const pattern = patternOf([...keys]);
  const nameOf = (key: string): string => names.get(key) ?? 'value_none';

  const recipients = body.personalizations.flatMap((personalization) => {
    const own = asStrings(personalization.substitutions);
    // A section is reached by a value that names it, or by its own name in the text.
    const ready = readyValues({ ...sections, ...own }, sections, pattern);
    const subject = replaceKeys(personalization.subject ?? body.subject ?? '', pattern, (key) => ready[key] ?? '');
    const variables = {
      subject,
      ...Object.fromEntries(Object.entries(ready).map(([key, value]) => [nameOf(key), value])),
    };
    const metadata = { ...asStrings(body.custom_args), ...asStrings(personalization.custom_args) };
    return personalization.to.map((to, index) => ({
      email: asText(to),
      substitutions: variables,
      ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
      ...(index === 0 && personalization.cc ? { cc: personalization.cc.map(asText) } : {}),
      ...(index === 0 && personalization.bcc ? { bcc: personalization.bcc.map(asText) } : {}),
    }));
  });

  const partOf = (type: string): string | undefined =>
    body.content.find((part) => part.type.toLowerCase().startsWith(type))?.value;
  const text = partOf('text/plain');
  const html = partOf('text/html');
  const id = String(record.messageid ?? '');
  const batchId = String(record.batchid ?? '');
  const parsed = emailRecord.safeParse({
    ...(requestIdShape.test(id) ? { id } : {}),
    // The seed's 0 means: no batch.
    ...(batchId === '' || batchId === '0' ? {} : { batch: { id: batchId } }),
    from: asText(body.from),
    ...(body.reply_to ? { replyTo: asText(body.reply_to) } : {}),
    subject: '{{ subject | raw }}',
    ...(text === undefined ? {} : { text: keysAsVariables(text, pattern, nameOf) }),
    ...(html === undefined ? {} : { html: keysAsVariables(html, pattern, nameOf) }),
    recipients,
    ...(body.headers ? { headers: body.headers } : {}),
    ...(body.categories ? { tags: body.categories } : {}),
    ...(body.attachments
      ? {
          attachments: body.attachments.map((attachment) => ({
            filename: attachment.filename ?? attachment.name ?? 'attachment',
            contentType: attachment.type ?? 'application/octet-stream',
            content: attachment.content,
            ...(attachment.content_id ? { contentId: attachment.content_id } : {}),
          })),
        }
      : {}),
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidMessageError(
    'bad-shape',
    `It is no valid request: /${issue?.path.join('/') ?? ''} ${issue?.message ?? ''}`,
  );
};
