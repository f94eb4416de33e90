const nasty: readonly unknown[] = [
  null,
  true,
  0,
  -0,
  1e308,
  '',
  '\u0000',
  '\ud800',
  'a\r\nBcc: x@y.example',
  'x'.repeat(5_000),
  [],
  [[]],
  {},
  { toString: 1 },
  { toString: null, valueOf: null },
  { __proto__: null, length: 1 },
  '__proto__',
  'constructor',
  'hasOwnProperty',
];

/** The same JSON with a few of its values replaced by what nobody expects there. */
export const mutated = (value: unknown, random: () => number): unknown => {
  if (random() < 0.08) return nasty[Math.floor(random() * nasty.length)];
  if (Array.isArray(value)) return value.map((item) => mutated(item, random));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, mutated(inner, random)]));
};
