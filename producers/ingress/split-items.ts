/** Takes bytes in any pieces and tells of each line of NDJSON, or each element of a JSON array, as its text. */
export interface ItemSplitter {
  readonly push: (chunk: Buffer) => void;
  readonly end: () => void;
}

const mostBytes = 16_384;
const tooLong = `is longer than ${mostBytes.toLocaleString('en')} bytes`;
const [newline, quote, backslash, comma, openList, closeList] = [0x0a, 0x22, 0x5c, 0x2c, 0x5b, 0x5d];
const [openObject, closeObject] = [0x7b, 0x7d];
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const isSpace = (byte: number): boolean => byte === 0x20 || byte === newline || byte === 0x0d || byte === 0x09;

/**
 * Cuts a list of JSON values into items, numbered from 1; which of the two forms it has, its first byte tells. Holds no more
 * than one item. Blank lines count as lines and are no items.
 */
export const createItemSplitter = (tell: {
  readonly onItem: (text: string, number: number) => void;
  readonly onFault: (sentence: string, number: number) => void;
}): ItemSplitter => {
  let form: 'unknown' | 'lines' | 'list' | 'after the list' = 'unknown';
  let number = 1;
  let pieces: Buffer[] = [];
  let held = 0;
  let depth = 0;
  let isInText = false;
  let isEscaped = false;
  let hasComma = false;
  let hasToldOfRest = false;

  const hold = (piece: Buffer): void => {
    held += piece.length;
    if (held <= mostBytes) pieces.push(piece);
  };
  const take = (): string | undefined => {
    const [only] = pieces;
    const text =
      held > mostBytes ? undefined : pieces.length === 1 && only ? only.toString() : Buffer.concat(pieces).toString();
    pieces = [];
    held = 0;
    return text;
  };

  const closeLine = (): void => {
    const text = take();
    if (text === undefined) tell.onFault(tooLong, number);
    else if (text.trim() !== '') tell.onItem(text, number);
    number += 1;
  };
  const pushLines = (chunk: Buffer): void => {
    let from = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      hold(chunk.subarray(from, at));
      closeLine();
      from = at + 1;
    }
    if (from < chunk.length) hold(chunk.subarray(from));
  };

  const closeElement = (by: 'comma' | 'end'): void => {
    const text = take();
    if (text === undefined) tell.onFault(tooLong, number);
    else if (text.trim() !== '') tell.onItem(text, number);
    // An empty list has no elements; any other place without one is a comma too many.
    else if (by === 'comma' || hasComma) tell.onFault('is missing: there is a comma too many', number);
    hasComma = by === 'comma';
    number += 1;
  };
  const pushList = (chunk: Buffer): void => {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (form === 'after the list') {
        if (!isSpace(byte) && !hasToldOfRest) {
          hasToldOfRest = true;
          tell.onFault('stands behind the end of the list', number);
        }
      } else if (isInText) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isInText = false;
      } else if (byte === quote) isInText = true;
      else if (byte === openObject || byte === openList) depth += 1;
      else if (depth > 0 && (byte === closeObject || byte === closeList)) depth -= 1;
      else if (depth === 0 && (byte === comma || byte === closeList)) {
        hold(chunk.subarray(from, at));
        from = at + 1;
        closeElement(byte === comma ? 'comma' : 'end');
        if (byte === closeList) form = 'after the list';
      }
    }
    if (form === 'list' && from < chunk.length) hold(chunk.subarray(from));
  };

  const begin = (chunk: Buffer): Buffer => {
    let at = chunk.subarray(0, 3).equals(byteOrderMark) ? 3 : 0;
    // Spaces before the first value say nothing of the form; lines among them are counted.
    while (at < chunk.length && isSpace(chunk[at] ?? 0)) {
      if (chunk[at] === newline) number += 1;
      at += 1;
    }
    if (at === chunk.length) return chunk.subarray(at);
    form = chunk[at] === openList ? 'list' : 'lines';
    if (form === 'lines') return chunk.subarray(at);
    number = 1;
    return chunk.subarray(at + 1);
  };

  return {
    push: (chunk) => {
      const rest = form === 'unknown' ? begin(chunk) : chunk;
      if (form === 'lines') pushLines(rest);
      else if (form !== 'unknown') pushList(rest);
    },
    end: () => {
      if (form === 'lines' && held > 0) closeLine();
      if (form === 'list') tell.onFault('is missing: the list has no end', number);
    },
  };
};
