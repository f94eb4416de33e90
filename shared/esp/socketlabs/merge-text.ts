import { tokenSplitter } from '../split-tokens.ts';

// SocketLabs puts a field's value where `%%Field%%` stands. How it reads three or more percent signs in a row, and
// whether it looks at a value again, is documented nowhere: so neither is ever sent. A percent sign beside a token
// moves into the token's field, and a text or value that still holds two of them is not merged at all.

const ambiguous = '%%';

/** A text to be merged: with fields in the place of tokens. */
export interface MergeText {
  readonly text: string;
  /** Whether it may be merged: false when it holds percent signs that may be taken for a field. */
  readonly isSafe: boolean;
}

export interface MergeFields {
  write(text: string): MergeText;
  /** Field → value of one recipient, for the texts written so far; undefined when a value must not be merged. */
  valuesFor(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> | undefined;
}

/** Turns the texts of one content into SocketLabs' merge language. Pure but for the fields that it remembers. */
export const mergeFields = (tokens: readonly string[]): MergeFields => {
  const split = tokenSplitter(tokens);
  const fields = new Map<
    string,
    { readonly name: string; readonly before: string; readonly token: string; readonly after: string }
  >();
  const fieldOf = (before: string, token: string, after: string): string => {
    const key = JSON.stringify([before, token, after]);
    const field = fields.get(key) ?? { name: `t${fields.size}`, before, token, after };
    fields.set(key, field);
    return `%%${field.name}%%`;
  };
  return {
    write: (text) => {
      const pieces = split(text);
      let isSafe = true;
      let before = '';
      let written = '';
      pieces.forEach((piece, place) => {
        const next = pieces[place + 1];
        if (piece.isToken) {
          const after = next?.isToken === false ? (/^%+/.exec(next.text)?.[0] ?? '') : '';
          written += fieldOf(before, piece.text, after);
          before = '';
          return;
        }
        const own = place > 0 ? piece.text.replace(/^%+/, '') : piece.text;
        before = next?.isToken ? (/%+$/.exec(own)?.[0] ?? '') : '';
        const rest = own.slice(0, own.length - before.length);
        if (rest.includes(ambiguous)) isSafe = false;
        written += rest;
      });
      return { text: written, isSafe };
    },
    valuesFor: (values) => {
      const result: Record<string, string> = {};
      for (const { name, before, token, after } of fields.values()) {
        const value = before + (Object.hasOwn(values, token) ? (values[token] ?? '') : token) + after;
        if (value.includes(ambiguous)) return undefined;
        result[name] = value;
      }
      return result;
    },
  };
};
