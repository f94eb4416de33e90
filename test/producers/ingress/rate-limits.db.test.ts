import { beforeEach, expect, it } from '@jest/globals';
import { createRateLimits } from '../../../producers/ingress/rate-limits.ts';
import { leaseRates } from '../../../shared/db/rate-buckets.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate rate_buckets'));
const processLimits = () =>
  createRateLimits({ lease: (asks) => leaseRates(database.pool, asks), now: Date.now, random: Math.random });
const seconds = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ s: number }>(
    'select extract(epoch from clock_timestamp())::float8 as s',
  );
  return rows[0]?.s ?? NaN;
};

it('Four processes together never grant more than the limit, and spend all of it', async () => {
  const perMinute = 6_000;
  const beganAt = await seconds();
  let granted = 0;
  const process = async (): Promise<number> => {
    const limits = processLimits();
    for (let own = 0; ;) {
      const taken = await Promise.all(Array.from({ length: 20 }, () => limits.take('key', perMinute, 7)));
      const got = taken.filter(({ ok }) => ok).length * 7;
      own += got;
      granted += got;
      if (got < 140) return own;
    }
  };
  const owns = await Promise.all([process(), process(), process(), process()]);
  const elapsed = (await seconds()) - beganAt;
  expect(granted).toBeLessThanOrEqual(perMinute + (perMinute / 60) * elapsed);
  expect(granted).toBeGreaterThan(perMinute * 0.9);
  expect(owns.every((own) => own > 0)).toBe(true);
});

it('A process that asks rarely is not refused because others hold slices', async () => {
  const processes = Array.from({ length: 8 }, processLimits);
  for (const limits of processes) expect(await limits.take('key', 120)).toEqual({ ok: true });
  for (const limits of processes) expect(await limits.take('key', 120)).toEqual({ ok: true });
});
