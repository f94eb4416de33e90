/** Partitions that a consumer handles side by side: `--workers=N` on its command line, else the setting. */
export const workersOf = (argv: readonly string[], fallback: number): number => {
  const given = argv.map((argument) => /^--workers=(\d+)$/.exec(argument)?.[1]).find((value) => value !== undefined);
  return given === undefined ? fallback : Math.max(1, Number(given));
};
