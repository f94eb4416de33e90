const escapePattern = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

/** Text that is no template → a template that comes out as this text, whatever braces are in it. */
export const literal = (text: string): string => text.replaceAll(/\{(?=[{%]|$)/g, "{{ '{' }}");

/**
 * A pattern that finds any of these keys, longest first, so that a key is never taken for the beginning of another.
 * Undefined when there is none. `forms` says how a key stands in a text, from the alternatives of all keys.
 */
export const keyPattern = (
  keys: readonly string[],
  forms: (anyKey: string) => readonly string[] = (anyKey) => [`(${anyKey})`],
): RegExp | undefined => {
  const sorted = keys.filter((key) => key !== '').sort((a, b) => b.length - a.length);
  return sorted.length === 0 ? undefined : new RegExp(forms(sorted.map(escapePattern).join('|')).join('|'), 'g');
};

const keyOf = (groups: readonly (string | undefined)[]): string => groups.find((group) => group !== undefined) ?? '';

/** Replaces every key in a text. */
export const replaceKeys = (text: string, pattern: RegExp | undefined, valueOf: (key: string) => string): string => {
  if (pattern === undefined) return text;
  let replaced = '';
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    replaced += text.slice(from, match.index) + valueOf(keyOf(match.slice(1)));
    from = match.index + match[0].length;
  }
  return replaced + text.slice(from);
};

/** A text with keys → a template with a variable for each (`nameOf`), unescaped; all else comes out as it stands. */
export const keysAsVariables = (text: string, pattern: RegExp | undefined, nameOf: (key: string) => string): string => {
  if (pattern === undefined) return literal(text);
  let template = '';
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    template += `${literal(text.slice(from, match.index))}{{ ${nameOf(keyOf(match.slice(1)))} | raw }}`;
    from = match.index + match[0].length;
  }
  return template + literal(text.slice(from));
};
