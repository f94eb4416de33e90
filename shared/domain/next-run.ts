import { Cron } from 'croner';

/** Whether there is such a time zone in this Node's data. */
const isZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};

const clockOf = (cron: string, zone: string): Cron => new Cron(cron, { timezone: zone, paused: true, mode: '5-part' });

/**
 * When a cron expression (five fields, or @hourly, @daily, @weekly, @monthly) holds next in an IANA zone: after the moment
 * given, never at it. Undefined when it never does again. By wall clocks: a daily time that a spring night leaves out holds
 * at the end of the gap, one that an autumn night has twice holds the first time. The one rule of every schedule.
 */
export const nextRun = (cron: string, zone: string, after: Date): Date | undefined =>
  clockOf(cron, zone).nextRun(after) ?? undefined;

/** The next few. */
export const nextRuns = (cron: string, zone: string, after: Date, count: number): Date[] => {
  const runs: Date[] = [];
  for (let at = nextRun(cron, zone, after); at !== undefined && runs.length < count; at = nextRun(cron, zone, at))
    runs.push(at);
  return runs;
};

/** What is wrong with a schedule's times; undefined when it is due at least once. */
export const scheduleFault = (
  cron: string,
  zone: string,
  now: Date,
): { readonly of: 'cron' | 'zone'; readonly detail: string } | undefined => {
  if (!isZone(zone)) return { of: 'zone', detail: 'is no IANA time zone, such as Europe/Berlin' };
  const notCron = {
    of: 'cron',
    detail: 'must have five fields (minute, hour, day, month, weekday), or be @hourly, @daily, @weekly, @monthly',
  } as const;
  // The library takes a single moment, too.
  if (!cron.startsWith('@') && cron.trim().split(/\s+/).length !== 5) return notCron;
  try {
    const hasRun = nextRun(cron, zone, now) !== undefined;
    return hasRun ? undefined : { of: 'cron', detail: 'never holds' };
  } catch {
    return notCron;
  }
};
