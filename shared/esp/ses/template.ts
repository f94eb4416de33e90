import { tokenSplitter } from '../split-tokens.ts';

// docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html: `{{x}}`, inserted without escaping; `\{{` is
// not an expression. Whatever could be read as one, or as part of one beside a token, travels as a value: values are
// not evaluated.

export interface SesTemplate {
  /** A subject or body with expressions for its tokens. */
  text(text: string): string;
  /** The values of one recipient as JSON in a string; also those that stand for braces of the texts given so far. */
  data(values: Readonly<Record<string, string>>): string;
}

/** Turns the texts of one content into SES's template language. Pure but for the braces that it remembers. */
export const sesTemplate = (tokens: readonly string[]): SesTemplate => {
  const names = new Map(tokens.map((token, index) => [token, `t${index}`]));
  const split = tokenSplitter(tokens);
  const literals = new Map<string, string>();
  const literalName = (run: string): string => {
    const name = literals.get(run) ?? `b${literals.size}`;
    literals.set(run, name);
    return name;
  };
  return {
    text: (text) => {
      const pieces = split(text);
      return pieces
        .map((piece, place) => {
          if (piece.isToken) return `{{${names.get(piece.text) ?? ''}}}`;
          return piece.text.replace(/[{}\\]+/g, (run, offset: number) => {
            const followsToken = offset === 0 && place > 0;
            const precedesToken = offset + run.length === piece.text.length && place < pieces.length - 1;
            const isOpen = run.length > 1 && /[{}]/.test(run);
            return followsToken || precedesToken || isOpen ? `{{${literalName(run)}}}` : run;
          });
        })
        .join('');
    },
    data: (values) =>
      JSON.stringify({
        ...Object.fromEntries([...literals].map(([run, name]) => [name, run])),
        ...Object.fromEntries(
          [...names].map(([token, name]) => [name, Object.hasOwn(values, token) ? (values[token] ?? '') : token]),
        ),
      }),
  };
};
