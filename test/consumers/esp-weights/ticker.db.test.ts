import { describe, expect, it } from '@jest/globals';
import { healthTicker, weightsTicker } from '../../../consumers/esp-weights/ticker.ts';
import { loadHealth } from '../../../shared/db/esp-health.ts';
import { latestDecision } from '../../../shared/db/weight-decisions.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
const deps = () => ({
  pool: database.pool,
  log: createLog({ name: 'test', level: 'silent' }),
  metrics: createMetrics('test'),
  weighing: { policy: 'rates' as const, esps: ['postmark', 'sendgrid'] },
  roundSeconds: 5,
  thresholds: { healthyThreshold: 6, unhealthyThreshold: 2 },
});
/** Rounds of an ESP that have ended, the last of them just now. */
const rounds = (esp: string, calls: readonly { good: number; bad: number }[]) =>
  database.pool.query(
    `insert into esp_rounds (esp, round, good, bad)
     select $1, floor(extract(epoch from now()) / 5)::bigint - $2 + n, good, bad
     from unnest($3::bigint[], $4::bigint[]) with ordinality as c(good, bad, n)
     on conflict (esp, round) do nothing`,
    [esp, calls.length + 1, calls.map(({ good }) => good), calls.map(({ bad }) => bad)],
  );
const good = { good: 5, bad: 0 };
const bad = { good: 5, bad: 1 };

describe('The weights’ process', () => {
  it('judges each ended round once, in order: two bad ones make an ESP sick', async () => {
    await rounds('sendgrid', [good, bad, bad]);
    await rounds('postmark', [bad, good, bad]);
    const ticker = healthTicker(deps());
    await ticker.tick();
    await ticker.tick();
    const health = await loadHealth(database.pool);
    expect(health.get('sendgrid')).toMatchObject({ state: 'unhealthy', badRounds: 2 });
    expect(health.get('postmark')).toMatchObject({ state: 'healthy', badRounds: 1 });
  });

  it('makes it well again after six good ones', async () => {
    await rounds('sendgrid', [bad, bad, ...Array<typeof good>(6).fill(good)]);
    await healthTicker(deps()).tick();
    expect((await loadHealth(database.pool)).get('sendgrid')).toMatchObject({ state: 'healthy', goodRounds: 6 });
  });

  it('takes a sick ESP nearly all its mail, and gives it back', async () => {
    const weights = async () => {
      await weightsTicker(deps()).tick();
      return (await latestDecision(database.pool, 'admin', ''))?.weights;
    };
    expect(await weights()).toEqual({ postmark: 500, sendgrid: 500 });
    await rounds('sendgrid', [bad, bad]);
    await healthTicker(deps()).tick();
    expect(await weights()).toEqual({ postmark: 999, sendgrid: 1 });
    await database.pool.query(`update esp_health set state = 'healthy'`);
    expect(await weights()).toEqual({ postmark: 500, sendgrid: 500 });
  });
});
