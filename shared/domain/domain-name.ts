import { domainToASCII } from 'node:url';

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * A domain name in its one form: lower case, punycode, without a trailing dot. Undefined for what is no domain name:
 * above 253 octets or with a label that DNS does not allow (RFC 1035 §2.3.4, underscores let pass).
 */
export const normaliseDomain = (text: string): string | undefined => {
  // IDNA has four full stops, which all mean the same (RFC 3490 §3.1).
  const trimmed = text.replace(/[.\u3002\uff0e\uff61]$/u, '');
  if (trimmed.length === 0 || trimmed.length > 253 * 4) return undefined;
  const lower = trimmed.toLowerCase();
  // Node's function is a URL parser: it would cut `a.example/b` at the slash, decode `%61` and read `0x7f.1` as a number.
  // So it gets only what needs it (names beyond ASCII), and nothing that means something in a URL.
  if (/[^a-z0-9._\u0080-\u{10ffff}-]/u.test(lower)) return undefined;
  const ascii = /^[a-z0-9._-]+$/.test(lower) ? lower : domainToASCII(lower);
  if (ascii.length === 0 || ascii.length > 253) return undefined;
  return ascii.split('.').every((part) => label.test(part)) ? ascii : undefined;
};
