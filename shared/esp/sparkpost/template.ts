import { tokenSplitter } from '../split-tokens.ts';

// developers.sparkpost.com/api/template-language. `{{x}}` is HTML-escaped in html and URL-encoded inside links of html
// and text; `{{{x}}}` inserts as it stands, and our values are already escaped for their place. In headers nothing is
// escaped, so there the documented double braces do. Expressions inside values are not executed: literal braces are
// therefore sent as values too, which unlike the brace macros also works for one brace beside a token.

export interface SparkpostTemplate {
  /** A text or HTML body with expressions for its tokens. */
  body(text: string): string;
  /** The same for a subject, a header or a display name. */
  header(text: string): string;
  /** The `substitution_data` of one recipient. */
  valuesFor(values: Readonly<Record<string, string>>): Record<string, string>;
  /** The `substitution_data` of all: the literal braces of the texts given so far. */
  literals(): Record<string, string>;
}

const isAmbiguous = (run: string): boolean => run.includes('{{') || run.includes('}}');

/** Turns the texts of one content into SparkPost's template language. Pure but for the braces that it remembers. */
export const sparkpostTemplate = (tokens: readonly string[]): SparkpostTemplate => {
  const names = new Map(tokens.map((token, index) => [token, `t${index}`]));
  const split = tokenSplitter(tokens);
  const braces = new Map<string, string>();
  const braceName = (run: string): string => {
    const name = braces.get(run) ?? `b${braces.size}`;
    braces.set(run, name);
    return name;
  };
  const write = (text: string, expression: (name: string) => string): string => {
    const pieces = split(text);
    return pieces
      .map((piece, place) => {
        if (piece.isToken) return expression(names.get(piece.text) ?? '');
        return piece.text.replace(/[{}]+/g, (run, offset: number) => {
          const touches =
            (offset === 0 && place > 0) || (offset + run.length === piece.text.length && place < pieces.length - 1);
          return touches || isAmbiguous(run) ? expression(braceName(run)) : run;
        });
      })
      .join('');
  };
  return {
    body: (text) => write(text, (name) => `{{{${name}}}}`),
    header: (text) => write(text, (name) => `{{${name}}}`),
    valuesFor: (values) =>
      Object.fromEntries(
        [...names].map(([token, name]) => [name, Object.hasOwn(values, token) ? (values[token] ?? '') : token]),
      ),
    literals: () => Object.fromEntries([...braces].map(([run, name]) => [name, run])),
  };
};
