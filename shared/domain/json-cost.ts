export interface JsonLimits {
  /** Arrays and objects inside one another. */
  readonly depth: number;
  /** Elements of one array, or properties of one object. */
  readonly members: number;
  /** Values in all. */
  readonly values: number;
  /** Bytes outside strings, and escaped quotes inside them. */
  readonly steps: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

// Whether the quote at this place ends its string: an even number of backslashes stands before it.
const endsString = (json: Uint8Array, at: number): boolean => {
  let before = at - 1;
  while (json[before] === backslash) before -= 1;
  return (at - before) % 2 === 1;
};

/**
 * What makes JSON too costly to be parsed and checked, or undefined: looked at byte by byte before anything is built of it,
 * and given up at the first limit that is passed. Long strings cost next to nothing here, nor do they in the parser.
 * Whether it is JSON at all is not said.
 */
export const jsonCostFault = (json: Uint8Array, limits: JsonLimits): string | undefined => {
  const members: number[] = [];
  let depth = 0;
  let values = 1;
  let steps = 0;
  for (let at = 0; at < json.length; at += 1) {
    steps += 1;
    if (steps > limits.steps) return 'holds too many blanks, signs or escapes';
    switch (json[at] ?? 0) {
      case quote:
        for (at = json.indexOf(quote, at + 1); at !== -1 && !endsString(json, at); at = json.indexOf(quote, at + 1)) {
          steps += 4;
          if (steps > limits.steps) return 'holds too many blanks, signs or escapes';
        }
        if (at === -1) return undefined;
        break;
      case 0x5b:
      case 0x7b:
        depth += 1;
        if (depth > limits.depth) return `is nested more than ${limits.depth} levels deep`;
        members[depth] = 1;
        break;
      case 0x5d:
      case 0x7d:
        if (depth > 0) depth -= 1;
        break;
      case comma: {
        values += 1;
        if (values > limits.values) return `holds more than ${limits.values} values`;
        const own = (members[depth] ?? 1) + 1;
        members[depth] = own;
        if (own > limits.members) return `has a list or object of more than ${limits.members} members`;
        break;
      }
      default:
    }
  }
  return undefined;
};
