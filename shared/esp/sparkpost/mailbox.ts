import { encodedWords, looksEncoded } from '../encoded-words.ts';
import type { Address } from '../esp.ts';

/**
 * A mailbox as a header's text. SparkPost encodes a header with 8-bit characters as a whole, address included, and
 * would take braces for its own language: such names are encoded here (RFC 2047), others quoted (RFC 5322 §3.4).
 */
export const headerMailbox = ({ email, name }: Address): string => {
  if (!name) return email;
  const line = name.replace(/[\r\n]+/g, ' ');
  if (/[^\x20-\x7e]|[{}]/.test(line) || looksEncoded(line)) return `${encodedWords(line)} <${email}>`;
  return /^[A-Za-z0-9 ]+$/.test(line) ? `${line} <${email}>` : `"${line.replace(/[\\"]/g, '\\$&')}" <${email}>`;
};
