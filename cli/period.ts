const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A moment as people type it: an ISO date or time, or how long ago (`90s`, `30m`, `24h`, `7d`). Answers ISO 8601, or
 * undefined when it is neither.
 */
export const momentOf = (text: string, now: Date): string | undefined => {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  if (ago !== null) {
    const unitMs = units[ago[2] ?? ''] ?? 0;
    return new Date(now.getTime() - Number(ago[1]) * unitMs).toISOString();
  }
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
};
