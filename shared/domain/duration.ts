const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Reads a time such as `500ms`, `30s`, `5m`, `1h30m` or `1d`; a bare number is seconds. In ms; NaN for what is none.
 */
export const durationMs = (text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (!/^(\d{1,9}(\.\d{1,3})?(ms|s|m|h|d))+$/.test(text)) return NaN;
  let sum = 0;
  for (const [, amount, unit = ''] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/g))
    sum += Number(amount) * (units[unit] ?? NaN);
  return Math.round(sum);
};
