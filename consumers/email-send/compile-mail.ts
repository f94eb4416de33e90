import type { SharedContent, TemplateValues } from '../../shared/contracts/email.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import { parseAddress } from '../../shared/domain/email-address.ts';
import type { Address, MailContent } from '../../shared/esp/esp.ts';
import { compileContent } from '../../shared/render/compile-content.ts';

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
  return { email: parsed.email, name: name ?? parsed.name };
};

// Some ESPs refuse an empty subject and others do not; the same message must come out of all of them.
const noSubject = '(no subject)';

/** Asked content → what ESPs carry. Throws `InvalidMessageError` (`bad-template`, `bad-address`). */
export const compileMail = (asked: SharedContent): CompiledMail => {
  const compiled = compileContent(
    {
      subject: asked.subject === undefined || asked.subject === '' ? noSubject : asked.subject,
      text: asked.text,
      html: asked.html,
    },
    { strictVariables: asked.strictVariables === true },
  );
  return {
    content: {
      from: addressOf(asked.from),
      replyTo: asked.replyTo === undefined ? undefined : addressOf(asked.replyTo),
      subject: compiled.texts.subject,
      text: compiled.texts.text,
      html: compiled.texts.html,
      headers: asked.headers ?? {},
      tags: asked.tags ?? [],
      attachments: asked.attachments ?? [],
    },
    valuesFor: (variables) => compiled.valuesFor({ ...asked.data, ...variables }),
  };
};
