// Headers that would change who gets the mail, what it claims to be, or our own bookkeeping, are not a request's to set.
// What is left are the few that mail programs act on, and extension headers.
const allowedHeaders = [
  'in-reply-to',
  'references',
  'importance',
  'priority',
  'auto-submitted',
  'precedence',
  'feedback-id',
];
const reservedPrefixes = ['x-smtpapi', 'x-mailfleet', 'x-sg-', 'x-pm-', 'x-msys', 'x-ses-', 'x-mc-'];

/** Whether a request may set this header; `name` is one (RFC 5322 §2.2), in any case. */
export const isAllowedHeader = (name: string): boolean => {
  const lower = name.toLowerCase();
  if (allowedHeaders.includes(lower)) return true;
  return lower.startsWith('x-') && !reservedPrefixes.some((prefix) => lower.startsWith(prefix));
};

const inAnyCase = (word: string): string => word.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
const either = (words: readonly string[]): string => words.map(inAnyCase).join('|');

/** The same rule as a pattern of JSON Schema, which knows no flags. */
export const headerNamePattern = `^(?:${either(allowedHeaders)}|(?!${either(reservedPrefixes)})[Xx]-[!-9;-~]{0,74})$`;
