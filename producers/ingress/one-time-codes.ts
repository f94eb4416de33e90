// One-time codes, whichever door asks: the row first, then the mail on its own lane. The code itself is in memory alone, and
// sealed on its way; the table holds its MAC.
import { randomBytes, randomInt } from 'node:crypto';
import type { EmailRequest } from '../../shared/contracts/email.ts';
import { issueCode, withdrawCode, spendAttempt, consumeCode, type CodeLimits } from '../../shared/db/one-time-codes.ts';
import { loadTemplate } from '../../shared/db/templates.ts';
import { codeMail, codeTemplateId, wholeMinutes } from '../../shared/domain/code-mail.ts';
import { fleetSender } from '../../shared/domain/fleet-sender.ts';
import {
  attemptCap,
  codeMac,
  isSameCode,
  mailboxOf,
  newCode,
  usualCodeLength,
} from '../../shared/domain/one-time-code.ts';
import { messageIdsOf } from '../../shared/domain/request-ids.ts';
import { sealValue } from '../../shared/domain/sealed-value.ts';
import type { Caller } from './check-key.ts';
import { invalid, Refusal } from './refusal.ts';
import { submitEmail, type Submitting } from './submit-email.ts';

export interface CodeSettings extends CodeLimits {
  /** Undefined: the fleet has no secret, and no code can be made. */
  readonly keys: { readonly pepper: Buffer; readonly seal: Buffer } | undefined;
  /** Whether callers are told the code (OTP_ECHO). */
  readonly isEchoed: boolean;
  readonly mailFrom: string | undefined;
}

export interface CodeDoor extends Submitting {
  readonly codes: CodeSettings;
  /** A new id that sorts by time, behind a prefix that says what it names. */
  readonly newId: (prefix: string) => string;
}

export interface SentCode {
  readonly id: string;
  readonly expiresAt: Date;
  /** Only where the fleet is told to show it. */
  readonly code: string | undefined;
}

const noSecret = (): Refusal =>
  new Refusal('not-allowed', 'One-time codes need JWT_SECRET, which this fleet does not have.');

/**
 * Makes a code for a mailbox and mails it; the code before is dead then. Returns once Kafka has the mail. Throws `Refusal`
 * (`invalid`, `too-many` by the mailbox's limits), or `InfrastructureError` when Kafka does not take it: the code is dead
 * then too.
 */
export const sendCode = async (
  door: CodeDoor,
  caller: Caller,
  asked: {
    readonly email: string;
    readonly length?: number | undefined;
    readonly purpose?: string | undefined;
    readonly language?: string | undefined;
  },
): Promise<SentCode> => {
  const { codes, pool } = door;
  if (codes.keys === undefined) throw noSecret();
  const to = mailboxOf(asked.email);
  if (to === undefined) throw invalid([{ pointer: '/email', detail: 'is not one valid email address' }]);
  const from = fleetSender(caller.senderDomains, codes.mailFrom);
  if (from === undefined) {
    throw invalid([{ pointer: '', detail: 'The account has no sender domain, and MAIL_FROM is not set.' }]);
  }
  const length = asked.length ?? usualCodeLength;
  const purpose = asked.purpose ?? '';
  const code = newCode(length, randomInt);
  const id = door.newId('otp_');
  const key = { accountId: caller.accountId, mailbox: to.mailbox, purpose };
  const mac = codeMac(codes.keys.pepper, { id, email: to.email, purpose }, code);
  const issued = await issueCode(pool, key, { id, mac, length }, codes);
  if (!issued.ok) {
    throw new Refusal('too-many', 'A code was sent to this address a short while ago.', {
      retryAfterMs: issued.retryAfterMs,
    });
  }
  const sealed = { code: sealValue(codes.keys.seal, messageIdsOf(id)(0), code, randomBytes(12)) };
  const minutes = wholeMinutes(codes.lifespanSeconds);
  const recipients = [{ email: to.address, substitutions: { minutes }, sealed }];
  const { language } = asked;
  const own = await loadTemplate(pool, caller.accountId, codeTemplateId, language);
  const words =
    own === undefined
      ? codeMail(language)
      : { template: { id: codeTemplateId, ...(language === undefined ? {} : { language }) } };
  const request: EmailRequest = { from, ...words, class: 'otp', recipients };
  try {
    await submitEmail(door, caller, request, { requestId: id });
  } catch (error) {
    await withdrawCode(pool, key, id);
    throw error;
  }
  return { id, expiresAt: issued.expiresAt, code: codes.isEchoed ? code : undefined };
};

/** `spent`: the code has been guessed at too often and is dead; `unknown`: there is none, or it is over or used. */
export type Verified =
  { readonly result: 'right' | 'wrong' | 'unknown' } | { readonly result: 'spent'; readonly retryAfterMs: number };

/** Spends a guess at a mailbox's code; a right one uses it up. Throws `Refusal` for what is no address. */
export const verifyCode = async (
  door: Pick<CodeDoor, 'codes' | 'pool'>,
  caller: Pick<Caller, 'accountId'>,
  guess: { readonly email: string; readonly code: string; readonly purpose?: string | undefined },
): Promise<Verified> => {
  const { codes, pool } = door;
  if (codes.keys === undefined) throw noSecret();
  const to = mailboxOf(guess.email);
  if (to === undefined) throw invalid([{ pointer: '/email', detail: 'is not one valid email address' }]);
  const purpose = guess.purpose ?? '';
  const key = { accountId: caller.accountId, mailbox: to.mailbox, purpose };
  const spent = await spendAttempt(pool, key, {
    lifespanSeconds: codes.lifespanSeconds,
    usualLength: usualCodeLength,
  });
  // Made for every guess: that there is no code must not be told by a shorter time.
  const guessed = codeMac(codes.keys.pepper, { id: spent.id, email: to.email, purpose }, guess.code);
  const isRight = isSameCode(spent.mac ?? Buffer.alloc(guessed.length), guessed) && spent.mac !== undefined;
  if (spent.attempts > attemptCap(spent.length)) return { result: 'spent', retryAfterMs: spent.expiresInMs };
  if (spent.mac === undefined) return { result: 'unknown' };
  if (!isRight) return { result: 'wrong' };
  return { result: (await consumeCode(pool, key, spent.id)) ? 'right' : 'unknown' };
};
