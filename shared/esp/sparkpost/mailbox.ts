import type { Address } from '../esp.ts';

// An encoded-word has 75 characters at most (RFC 2047 §2): 12 are its frame, and base64 makes 4 of 3 bytes.
const bytesPerWord = 45;

const encodedWords = (text: string): string => {
  const words: string[] = [];
  let word = '';
  for (const character of text) {
    if (Buffer.byteLength(word + character) > bytesPerWord) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`).join(' ');
};

/**
 * A mailbox as a header's text. SparkPost encodes a header with 8-bit characters as a whole, address included, and
 * would take braces for its own language: such names are encoded here (RFC 2047), others quoted (RFC 5322 §3.4).
 */
export const headerMailbox = ({ email, name }: Address): string => {
  if (!name) return email;
  const line = name.replace(/[\r\n]+/g, ' ');
  if (/[^\x20-\x7e]|[{}]/.test(line)) return `${encodedWords(line)} <${email}>`;
  return /^[A-Za-z0-9 ]+$/.test(line) ? `${line} <${email}>` : `"${line.replace(/[\\"]/g, '\\$&')}" <${email}>`;
};
