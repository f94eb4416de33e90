const escapeForPattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Puts ready strings in the place of tokens. */
export type ReplaceTokens = (text: string, values: Readonly<Record<string, string>>) => string;

/** What finds the given tokens in a text, longer ones first; undefined when there are none. */
export const patternOfTokens = (tokens: readonly string[]): RegExp | undefined => {
  const known = tokens.filter((token) => token !== '').sort((a, b) => b.length - a.length);
  return known.length === 0 ? undefined : new RegExp(known.map(escapeForPattern).join('|'), 'g');
};

/**
 * Makes the replacement for one set of tokens, so that many texts can share the work.
 * A value is never looked at again: a token inside it stays as it is, as at a provider that replaces by itself.
 * @param tokens longest first is not needed; a token that holds another wins.
 */
export const tokenReplacer = (tokens: readonly string[]): ReplaceTokens => {
  const pattern = patternOfTokens(tokens);
  if (pattern === undefined) return (text) => text;
  return (text, values) =>
    text.replace(pattern, (token) => (Object.hasOwn(values, token) ? (values[token] ?? '') : token));
};
