import { normaliseDomain } from './domain-name.ts';

/** Why mail may not bear a sender, as a code for machines and a sentence for people. */
export interface SenderFault {
  readonly code: 'unknown-account' | 'sender-domain';
  readonly detail: string;
}

/**
 * An entry of an account's list in its one form: `*`, a domain, or `*.` and a domain. Undefined for anything else, also for
 * what names no registrable place (`*.example` would be a whole top-level domain).
 */
export const normaliseSenderDomain = (text: string): string | undefined => {
  if (text === '*') return text;
  const isWildcard = text.startsWith('*.');
  const domain = normaliseDomain(isWildcard ? text.slice(2) : text);
  if (domain === undefined || !domain.includes('.')) return undefined;
  return isWildcard ? `*.${domain}` : domain;
};

/** Whether a list lets mail be from a domain; both in normal form. `*.acme.example` is every domain below, not itself. */
export const maySendFrom = (senderDomains: readonly string[], domain: string): boolean =>
  senderDomains.some(
    (entry) => entry === '*' || entry === domain || (entry.startsWith('*.') && domain.endsWith(entry.slice(1))),
  );

/**
 * Judges a sender's domain (in normal form; undefined: the address is none, which others tell) by an account's list
 * (undefined: there is no such account, or it is closed). Undefined when the mail may go.
 */
export const senderFault = (
  senderDomains: readonly string[] | undefined,
  domain: string | undefined,
): SenderFault | undefined => {
  if (senderDomains === undefined) {
    return { code: 'unknown-account', detail: 'The account does not exist, or it is closed.' };
  }
  if (domain === undefined || maySendFrom(senderDomains, domain)) return undefined;
  return { code: 'sender-domain', detail: `The account may not send from ${domain}.` };
};
