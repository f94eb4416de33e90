import { describe, expect, it } from '@jest/globals';
import { nextRun, nextRuns, scheduleFault } from '../../../shared/domain/next-run.ts';

const runs = (cron: string, zone: string, after: string, count: number) =>
  nextRuns(cron, zone, new Date(after), count).map((at) => at.toISOString().replace('.000', ''));

describe('The next time of a schedule', () => {
  it('is by the wall clock of its zone, over both changes of the year', () => {
    expect(runs('0 9 * * 1', 'Europe/Berlin', '2027-03-20T00:00:00Z', 3)).toEqual([
      '2027-03-22T08:00:00Z',
      '2027-03-29T07:00:00Z',
      '2027-04-05T07:00:00Z',
    ]);
  });

  it.each([
    ['Europe/Berlin', '2027-03-26T12:00:00Z', ['27T01:30', '28T01:00', '29T00:30']],
    ['America/New_York', '2027-03-12T12:00:00Z', ['13T07:30', '14T07:00', '15T06:30']],
  ])('holds once on the day that leaves it out in %s', (zone, after, days) => {
    const month = after.slice(0, 8);
    expect(runs('30 2 * * *', zone, after, 3)).toEqual(days.map((day) => `${month}${day}:00Z`));
  });

  it('holds once in the night that has it twice', () => {
    expect(runs('30 2 * * *', 'Europe/Berlin', '2026-10-23T12:00:00Z', 3)).toEqual([
      '2026-10-24T00:30:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-26T01:30:00Z',
    ]);
  });

  it('does not hold again in that night when its first time was fired late', () => {
    for (const after of [
      '2026-10-25T00:30:00Z',
      '2026-10-25T00:45:00Z',
      '2026-10-25T01:00:00Z',
      '2026-10-25T01:20:00Z',
    ])
      expect([after, ...runs('30 2 * * *', 'Europe/Berlin', after, 1)]).toEqual([after, '2026-10-26T01:30:00Z']);
  });

  it('every hour is every hour, whatever the clocks do', () => {
    expect(runs('@hourly', 'Europe/Berlin', '2026-10-24T23:30:00Z', 3)).toEqual([
      '2026-10-25T00:00:00Z',
      '2026-10-25T01:00:00Z',
      '2026-10-25T02:00:00Z',
    ]);
  });

  it.each([
    ['@daily', '2027-01-02T00:00:00Z'],
    ['@weekly', '2027-01-03T00:00:00Z'],
    ['@monthly', '2027-02-01T00:00:00Z'],
  ])('of %s is known', (cron, at) => {
    expect(runs(cron, 'UTC', '2027-01-01T00:00:00Z', 1)).toEqual([at]);
  });

  it('is never the moment itself', () => {
    expect(nextRun('@hourly', 'UTC', new Date('2027-01-01T05:00:00Z'))?.toISOString()).toBe('2027-01-01T06:00:00.000Z');
  });
});

describe('What is no schedule', () => {
  const now = new Date('2027-01-01T00:00:00Z');
  it.each([
    ['* * * * * *', 'UTC', 'cron'],
    ['61 * * * *', 'UTC', 'cron'],
    ['@often', 'UTC', 'cron'],
    ['2027-05-01T00:00:00', 'UTC', 'cron'],
    ['0 0 31 2 *', 'UTC', 'cron'],
    ['', 'UTC', 'cron'],
    ['@daily', 'Mars/Olympus', 'zone'],
  ])('%j in %s is found out', (cron, zone, of) => {
    expect(scheduleFault(cron, zone, now)?.of).toBe(of);
  });

  it('what is one is let through', () => {
    expect(scheduleFault('*/5 8-18 * * MON-FRI', 'Asia/Kolkata', now)).toBeUndefined();
  });
});
