// Foreign error texts quote addresses ("550 5.1.1 <ann@example.org>: unknown user"), in whatever place of a sentence.

const local = "[\\p{L}\\p{N}.!#$%&'*+/=?^_`{|}~-]{1,64}";
const label = '[\\p{L}\\p{N}_-]+';
// What is all digits and dots behind the sign is a version (`pino@10.4.0`); an address has its numbers in brackets.
const domain = `(?![\\d.]+(?![\\p{L}\\p{N}_-]))(?:${label}(?:\\.${label})*|\\[[\\p{L}\\p{N}.:]{1,80}\\])`;
const at = '(?:@|%40)';

const inText = new RegExp(`(?:"[^"\\n]{1,64}"|${local})${at}${domain}`, 'giu');
// A match must not begin inside an escape, or what is left of it is none; a quoted name has its quotes escaped.
const inJson = new RegExp(`(?:\\\\"[^"\\\\]{1,64}\\\\"|(?<!\\\\(?:u[0-9a-f]{0,3})?)${local})${at}${domain}`, 'giu');
const shown = '[address]';

/** The text without the mail addresses in it. What only looks like one goes too. */
export const hideAddresses = (text: string): string => text.replace(inText, shown);

/** The same for JSON as text, which stays JSON. */
export const hideAddressesInJson = (json: string): string => json.replace(inJson, shown);
