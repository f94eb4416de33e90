// A one-time code is made here, whoever asks for it: the row first, then the mail. The code itself is in memory alone, and
// sealed in the request; the table holds its MAC.
import { randomBytes, randomInt } from 'node:crypto';
import type { EmailRequest } from '../contracts/email.ts';
import { codeMail, codeTemplateId, wholeMinutes } from '../domain/code-mail.ts';
import { codeMac, newCode, usualCodeLength, type Mailbox } from '../domain/one-time-code.ts';
import { messageIdsOf } from '../domain/request-ids.ts';
import { sealValue } from '../domain/sealed-value.ts';
import type { CodeSettings } from './code-settings.ts';
import type { Database } from './connect.ts';
import { issueCode, type CodeKey } from './one-time-codes.ts';
import { loadTemplate } from './templates.ts';

export interface CodeOrder {
  /** Of the code, and of the request that mails it. */
  readonly id: string;
  readonly accountId: string;
  readonly to: Mailbox;
  readonly from: string;
  readonly length?: number | undefined;
  readonly purpose?: string | undefined;
  readonly language?: string | undefined;
}

export type MadeCode =
  | {
      readonly ok: true;
      readonly key: CodeKey;
      readonly code: string;
      readonly expiresAt: Date;
      /** Mails it, and shows it to nobody else. */
      readonly request: EmailRequest;
    }
  | { readonly ok: false; readonly retryAfterMs: number };

/** Stores a new code, which ends the one before, and writes its mail; not `ok` when the mailbox asked too often. */
export const makeCode = async (
  db: Database,
  settings: CodeSettings & { readonly keys: NonNullable<CodeSettings['keys']> },
  { id, accountId, to, from, length = usualCodeLength, purpose = '', language }: CodeOrder,
): Promise<MadeCode> => {
  const code = newCode(length, randomInt);
  const key = { accountId, mailbox: to.mailbox, purpose };
  const mac = codeMac(settings.keys.pepper, { id, email: to.email, purpose }, code);
  const issued = await issueCode(db, key, { id, mac, length }, settings);
  if (!issued.ok) return issued;
  const sealed = { code: sealValue(settings.keys.seal, messageIdsOf(id)(0), code, randomBytes(12)) };
  const minutes = wholeMinutes(settings.lifespanSeconds);
  const recipients = [{ email: to.address, substitutions: { minutes }, sealed }];
  const own = await loadTemplate(db, accountId, codeTemplateId, language);
  const words =
    own === undefined
      ? codeMail(language)
      : { template: { id: codeTemplateId, ...(language === undefined ? {} : { language }) } };
  const request: EmailRequest = { from, ...words, class: 'otp', recipients };
  return { ok: true, key, code, expiresAt: issued.expiresAt, request };
};
