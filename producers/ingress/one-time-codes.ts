// One-time codes, whichever door asks: the row first, then the mail on its own lane.
import type { CodeSettings } from '../../shared/db/code-settings.ts';
import { makeCode } from '../../shared/db/make-code.ts';
import { withdrawCode, spendAttempt, consumeCode } from '../../shared/db/one-time-codes.ts';
import { fleetSender } from '../../shared/domain/fleet-sender.ts';
import { attemptCap, codeMac, isSameCode, mailboxOf, usualCodeLength } from '../../shared/domain/one-time-code.ts';
import type { Caller } from './check-key.ts';
import { invalid, Refusal } from './refusal.ts';
import { submitEmail, type Submitting } from './submit-email.ts';

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
  const id = door.newId('otp_');
  const made = await makeCode(
    pool,
    { ...codes, keys: codes.keys },
    { ...asked, id, accountId: caller.accountId, to, from },
  );
  if (!made.ok) {
    throw new Refusal('too-many', 'A code was sent to this address a short while ago.', {
      retryAfterMs: made.retryAfterMs,
    });
  }
  try {
    await submitEmail(door, caller, made.request, { requestId: id });
  } catch (error) {
    await withdrawCode(pool, made.key, id);
    throw error;
  }
  return { id, expiresAt: made.expiresAt, code: codes.isEchoed ? made.code : undefined };
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
