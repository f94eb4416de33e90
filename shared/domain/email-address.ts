import addressparser from 'nodemailer/lib/addressparser';
import { normaliseDomain } from './domain-name.ts';

export interface EmailAddress {
  /** The address as it is written on the envelope: local part as given, domain in normal form. */
  readonly email: string;
  readonly name?: string;
  readonly domain: string;
}

// RFC 5322 dot-atom with UTF-8 (RFC 6532); quoted local parts are let pass as they are.
const dotAtom = /^[^\s"(),:;<>@[\\\]\p{Cc}.]+(\.[^\s"(),:;<>@[\\\]\p{Cc}.]+)*$/u;
const quoted = /^"([^"\\\p{Cc}]|\\[^\p{Cc}])*"$/u;
const octets = (text: string): number => Buffer.byteLength(text, 'utf8');

const parts = (address: string): EmailAddress | undefined => {
  const at = address.lastIndexOf('@');
  if (at < 1) return undefined;
  const local = address.slice(0, at);
  const domain = normaliseDomain(address.slice(at + 1));
  if (domain === undefined || !domain.includes('.')) return undefined;
  if (octets(local) > 64 || octets(local) + 1 + domain.length > 254) return undefined;
  if (!dotAtom.test(local) && !quoted.test(local)) return undefined;
  return { email: `${local}@${domain}`, domain };
};

// The parser finds an address in nearly any text: `john doe@example.org` is doe's to it. Only the forms that people write
// on purpose are let pass: the address alone, in angle brackets behind a name, or with a comment behind it.
const isNothingElse = (text: string, address: string): boolean =>
  text === address || text.endsWith(`<${address}>`) || (text.startsWith(`${address} (`) && text.endsWith(')'));

/**
 * One address, bare or with a display name (`Ann <ann@example.org>`). Undefined when it is not exactly one, when the
 * address breaks RFC 5321's limits (64 octets before the @, 254 in all), or when its domain is no domain name.
 */
export const parseAddress = (text: string): EmailAddress | undefined => {
  // By far the most common form needs no parser.
  if (!/[\s<>(),;:"]/.test(text)) return parts(text);
  const parsed = addressparser(text, { flatten: true });
  const [first] = parsed;
  if (parsed.length !== 1 || first === undefined || !isNothingElse(text.trim(), first.address)) return parts(text);
  const address = parts(first.address);
  if (address === undefined) return undefined;
  return first.name === '' ? address : { ...address, name: first.name };
};
