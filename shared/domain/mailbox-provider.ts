/** Whose mailboxes a domain holds: an ESP can do well with one and badly with another. */
export const mailboxProviders = ['gmail', 'outlook', 'yahoo', 'icloud', 'other'] as const;
export type MailboxProvider = (typeof mailboxProviders)[number];

const exact: Readonly<Record<string, MailboxProvider>> = {
  'gmail.com': 'gmail',
  'googlemail.com': 'gmail',
  'msn.com': 'outlook',
  'passport.com': 'outlook',
  'ymail.com': 'yahoo',
  'rocketmail.com': 'yahoo',
  'aol.com': 'yahoo',
  'icloud.com': 'icloud',
  'me.com': 'icloud',
  'mac.com': 'icloud',
};
// These have one name in many countries: yahoo.co.uk, hotmail.fr, outlook.com.br.
const families: Readonly<Record<string, MailboxProvider>> = {
  outlook: 'outlook',
  hotmail: 'outlook',
  live: 'outlook',
  yahoo: 'yahoo',
};
const countryEnding = /^(com|[a-z]{2}|com?\.[a-z]{2})$/;

/** The mailbox provider of a domain in normal form (lower case, punycode). */
export const mailboxProviderOf = (domain: string): MailboxProvider => {
  const known = exact[domain];
  if (known !== undefined) return known;
  const dot = domain.indexOf('.');
  const family = families[domain.slice(0, dot)];
  return family !== undefined && countryEnding.test(domain.slice(dot + 1)) ? family : 'other';
};
