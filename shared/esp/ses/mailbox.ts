import { domainToASCII } from 'node:url';
import { encodedWords, looksEncoded } from '../encoded-words.ts';
import type { Address } from '../esp.ts';

/** Text of a header in US-ASCII: as it stands, or as encoded-words. SES takes no other bytes in names and headers. */
export const asciiHeader = (text: string): string => {
  const line = text.replace(/[\r\n]+/g, ' ');
  return /^[\x20-\x7e]*$/.test(line) && !looksEncoded(line) ? line : encodedWords(line);
};

const asciiAddress = (email: string): string => {
  const at = email.lastIndexOf('@');
  const domain = email.slice(at + 1);
  if (/^[\x20-\x7e]*$/.test(domain)) return email;
  return `${email.slice(0, at + 1)}${domainToASCII(domain) || domain}`;
};

/** A mailbox as SES wants it: names in US-ASCII, encoded (RFC 2047) or quoted (RFC 5322 §3.4), domains in Punycode. */
export const sesMailbox = ({ email, name }: Address): string => {
  const address = asciiAddress(email);
  if (!name) return address;
  const ascii = asciiHeader(name);
  return ascii.startsWith('=?') ? `${ascii} <${address}>` : `"${ascii.replace(/[\\"]/g, '\\$&')}" <${address}>`;
};
