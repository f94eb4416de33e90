import { patternOfTokens } from './replace-tokens.ts';

/** A stretch of a text: as it stands, or one token. */
export interface TextPiece {
  readonly text: string;
  readonly isToken: boolean;
}

/**
 * Makes the cut of texts at one set of tokens: for providers that replace by their own language, where a token becomes
 * an expression and whatever stands between two of them must not be taken for one.
 * @param tokens in any order; a token that holds another wins.
 */
export const tokenSplitter = (tokens: readonly string[]): ((text: string) => readonly TextPiece[]) => {
  const pattern = patternOfTokens(tokens);
  if (pattern === undefined) return (text) => (text === '' ? [] : [{ text, isToken: false }]);
  return (text) => {
    const pieces: TextPiece[] = [];
    let from = 0;
    for (const { 0: token, index } of text.matchAll(pattern)) {
      if (index > from) pieces.push({ text: text.slice(from, index), isToken: false });
      pieces.push({ text: token, isToken: true });
      from = index + token.length;
    }
    if (from < text.length) pieces.push({ text: text.slice(from), isToken: false });
    return pieces;
  };
};
