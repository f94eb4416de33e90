import type { SharedContent, TemplateValues } from '../../shared/contracts/email.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import { parseAddress } from '../../shared/domain/email-address.ts';
import type { Address, Attachment, MailContent } from '../../shared/esp/esp.ts';
import { compileContent } from '../../shared/render/compile-content.ts';
import { asLine } from '../../shared/domain/header-line.ts';
import type { MakeLink } from '../../shared/domain/unsubscribe-link.ts';

/** Whom the link in a message is for. */
export interface MailedRecipient {
  /** The message's UUID. */
  readonly id: string;
  readonly email: string;
}

/** Whose mail it is, and what makes its links; without one, no mail can name a list. */
export interface MailOrigin {
  readonly accountId: string;
  readonly makeLink: MakeLink | undefined;
}

export interface CompiledMail {
  /** One object for all recipients, so that adapters may group by identity. */
  readonly content: MailContent;
  /** Token → ready string. Throws `InvalidMessageError` when a template cannot be evaluated with these variables. */
  valuesFor(variables: TemplateValues, recipient: MailedRecipient): Readonly<Record<string, string>>;
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

// RFC 8058: one header with the link and nothing else, one that says that a POST to it is enough.
const linkHeaders = (token: string): Record<string, string> => ({
  'List-Unsubscribe': `<${token}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
});

/** A token for the link that stands nowhere in the mail yet. */
const linkToken = (texts: readonly (string | undefined)[]): string => {
  let token = '[~unsubscribe~]';
  while (texts.some((text) => text?.includes(token) === true)) token = `[~${token.slice(1, -1)}~]`;
  return token;
};

const linkFor = (list: string, origin: MailOrigin | undefined): ((recipient: MailedRecipient) => string) => {
  const { accountId, makeLink } = origin ?? {};
  if (makeLink === undefined || accountId === undefined) {
    throw new InvalidMessageError(
      'no-link-secret',
      'It names a list to unsubscribe from, but this fleet has no JWT_SECRET to sign links with.',
    );
  }
  return ({ id, email }) => makeLink({ accountId, list, email, messageId: id });
};

/**
 * Asked content → what ESPs carry. Throws `InvalidMessageError` (`bad-template`, `bad-address`, `no-link-secret`). A mail that
 * names a list gets the headers of RFC 8058, and `unsubscribeUrl` as a variable.
 */
export const compileMail = (asked: SharedContent, origin?: MailOrigin): CompiledMail => {
  const compiled = compileContent(
    { subject: asked.subject ?? '', text: asked.text, html: asked.html },
    { strictVariables: asked.strictVariables === true },
  );
  const headers = headersOf(asked.headers ?? {});
  const linkOf = asked.unsubscribe === undefined ? undefined : linkFor(asked.unsubscribe.list, origin);
  const { subject, text, html } = compiled.texts;
  const token = linkToken([subject, text, html, ...Object.values(headers)]);
  return {
    content: {
      from: addressOf(asked.from),
      replyTo: asked.replyTo === undefined ? undefined : addressOf(asked.replyTo),
      subject: compiled.texts.subject,
      text: compiled.texts.text,
      html: compiled.texts.html,
      headers: linkOf === undefined ? headers : { ...headers, ...linkHeaders(token) },
      tags: asked.tags ?? [],
      attachments: attachmentsOf(asked.attachments ?? []),
    },
    valuesFor: (variables, recipient) => {
      const all = { ...asked.data, ...variables };
      if (linkOf === undefined) return compiled.valuesFor(all);
      const unsubscribeUrl = linkOf(recipient);
      return { ...compiled.valuesFor({ ...all, unsubscribeUrl }), [token]: unsubscribeUrl };
    },
  };
};
