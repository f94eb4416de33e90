import { domainToASCII } from 'node:url';
import type { Address } from '../esp.ts';

// An encoded-word has 75 characters at most (RFC 2047 §2): 12 are its frame, and base64 makes 4 of 3 bytes.
const bytesPerWord = 45;

/** Text of a header in US-ASCII: as it stands, or as encoded-words. SES takes no other bytes in names and headers. */
export const asciiHeader = (text: string): string => {
  const line = text.replace(/[\r\n]+/g, ' ');
  if (/^[\x20-\x7e]*$/.test(line)) return line;
  const words: string[] = [];
  let word = '';
  for (const character of line) {
    if (Buffer.byteLength(word + character) > bytesPerWord) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`).join(' ');
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
