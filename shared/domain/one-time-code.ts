import { createHmac, timingSafeEqual } from 'node:crypto';
import { parseAddress } from './email-address.ts';

export const usualCodeLength = 6;

/** A code of so many digits, each as likely as the others. `digitBelow(10)` draws a whole number from 0 to 9. */
export const newCode = (length: number, digitBelow: (end: number) => number): string =>
  Array.from({ length }, () => String(digitBelow(10))).join('');

/** How many guesses a code of this length stands: three of ten thousand are as many as five of a million would be too few. */
export const attemptCap = (length: number): number => (length < 6 ? 3 : 5);

export interface CodeOwner {
  readonly id: string;
  readonly email: string;
  readonly purpose: string;
}

/** What is stored in place of a code: nobody who reads the table can tell the code without the pepper. */
export const codeMac = (pepper: Uint8Array, { id, email, purpose }: CodeOwner, code: string): Buffer =>
  createHmac('sha256', pepper).update([id, email, purpose, code].join('\n')).digest();

/** Whether a guess is the code, in a time that says nothing about how much of it is right. */
export const isSameCode = (mac: Uint8Array, guessed: Uint8Array): boolean =>
  mac.length === guessed.length && timingSafeEqual(mac, guessed);

export interface Mailbox {
  /** As it was given. */
  readonly address: string;
  /** In lower case. */
  readonly email: string;
  readonly mailbox: string;
}

/**
 * The mailbox that an address is read in, for limits and look-ups: any case, and what stands behind a `+` is the same one.
 * Undefined when the text is no address.
 */
export const mailboxOf = (text: string): Mailbox | undefined => {
  const parsed = parseAddress(text);
  if (parsed === undefined) return undefined;
  const email = parsed.email.toLowerCase();
  const at = email.lastIndexOf('@');
  const local = email.slice(0, at);
  const plus = local.startsWith('"') ? -1 : local.indexOf('+');
  return { address: parsed.email, email, mailbox: `${plus > 0 ? local.slice(0, plus) : local}${email.slice(at)}` };
};
