/** Whose mailboxes a domain holds: an ESP can do well with one and badly with another. */
export const mailboxProviders = ['gmail', 'outlook', 'yahoo', 'icloud', 'other'] as const;
export type MailboxProvider = (typeof mailboxProviders)[number];

// Maps, since a domain may bear the name of something that every object has: constructor.com.
const exact: ReadonlyMap<string, MailboxProvider> = new Map(
  Object.entries({
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
  } as const),
);
// These have one name in many countries: yahoo.co.uk, hotmail.fr, outlook.com.br.
const families: ReadonlyMap<string, MailboxProvider> = new Map(
  Object.entries({ outlook: 'outlook', hotmail: 'outlook', live: 'outlook', yahoo: 'yahoo' } as const),
);
const countryEnding = /^(com|[a-z]{2}|com?\.[a-z]{2})$/;

/** The mailbox provider of a domain in normal form (lower case, punycode). */
export const mailboxProviderOf = (domain: string): MailboxProvider => {
  const known = exact.get(domain);
  if (known !== undefined) return known;
  const dot = domain.indexOf('.');
  const family = families.get(domain.slice(0, dot));
  return family !== undefined && countryEnding.test(domain.slice(dot + 1)) ? family : 'other';
};
