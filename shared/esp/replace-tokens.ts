const escapeForPattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Puts ready strings in the place of tokens. */
export type ReplaceTokens = (text: string, values: Readonly<Record<string, string>>) => string;

/**
 * Makes the replacement for one set of tokens, so that many texts can share the work.
 * A value is never looked at again: a token inside it stays as it is, as at a provider that replaces by itself.
 * @param tokens longest first is not needed; a token that holds another wins.
 */
export const tokenReplacer = (tokens: readonly string[]): ReplaceTokens => {
  const known = tokens.filter((token) => token !== '').sort((a, b) => b.length - a.length);
  if (known.length === 0) return (text) => text;
  const pattern = new RegExp(known.map(escapeForPattern).join('|'), 'g');
  return (text, values) =>
    text.replace(pattern, (token) => (Object.hasOwn(values, token) ? (values[token] ?? '') : token));
};
