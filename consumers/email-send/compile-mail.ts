import type { SharedContent, TemplateValues } from '../../shared/contracts/email.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import { parseAddress } from '../../shared/domain/email-address.ts';
import type { Address, Attachment, MailContent } from '../../shared/esp/esp.ts';
import { compileContent } from '../../shared/render/compile-content.ts';
import { asLine } from '../../shared/domain/header-line.ts';

export interface CompiledMail {
  /** One object for all recipients, so that adapters may group by identity. */
  readonly content: MailContent;
  /** Token → ready string. Throws `InvalidMessageError` when a template cannot be evaluated with these variables. */
  valuesFor(variables: TemplateValues): Readonly<Record<string, string>>;
}

/** An address that was checked at the door, in the ESP port's form. Throws `InvalidMessageError` when it is none. */
export const addressOf = (text: string, name?: string | null): Address => {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new InvalidMessageError('bad-address', 'An address is not a valid email address.');
  const line = nameOf(name ?? parsed.name ?? '');
  return { email: parsed.email, name: line === '' ? undefined : line };
};

// Folded and unfolded on its way, a name keeps its words and not the blanks between them.
const nameOf = (text: string): string => asLine(text).replace(/\s+/g, ' ');

// An empty header says nothing, and not every ESP takes one.
const headersOf = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]): [string, string] => [name, asLine(value)])
      .filter(([, value]) => value !== ''),
  );

// What a `cid:` names comes first, as it does in MIME, and is called by its content id: at SparkPost the file's name and
// the content id are one field, and the same message must come out of all ESPs.
const attachmentsOf = (attachments: NonNullable<SharedContent['attachments']>): Attachment[] => {
  const named = attachments.map(({ contentId, filename, ...rest }): Attachment => {
    const id = contentId === undefined ? '' : asLine(contentId).replace(/^<(.*)>$/, '$1');
    return id === '' ? { filename, ...rest } : { ...rest, filename: id, contentId: id };
  });
  return [
    ...named.filter(({ contentId }) => contentId !== undefined),
    ...named.filter(({ contentId }) => contentId === undefined),
  ];
};

/** Asked content → what ESPs carry. Throws `InvalidMessageError` (`bad-template`, `bad-address`). */
export const compileMail = (asked: SharedContent): CompiledMail => {
  const compiled = compileContent(
    { subject: asked.subject ?? '', text: asked.text, html: asked.html },
    { strictVariables: asked.strictVariables === true },
  );
  return {
    content: {
      from: addressOf(asked.from),
      replyTo: asked.replyTo === undefined ? undefined : addressOf(asked.replyTo),
      subject: compiled.texts.subject,
      text: compiled.texts.text,
      html: compiled.texts.html,
      headers: headersOf(asked.headers ?? {}),
      tags: asked.tags ?? [],
      attachments: attachmentsOf(asked.attachments ?? []),
    },
    valuesFor: (variables) => compiled.valuesFor({ ...asked.data, ...variables }),
  };
};
