import { describe, expect, it } from '@jest/globals';
import { healthTicker, plansTicker, weigher, weightsTicker } from '../../../consumers/esp-weights/ticker.ts';
import { changeControls, readAudit } from '../../../shared/db/esp-controls.ts';
import { storeHealth, type StoredHealth } from '../../../shared/db/esp-health.ts';
import { loadEspStates } from '../../../shared/db/esp-states.ts';
import { seedDelays } from '../../../shared/db/seeded-rows.ts';
import { addStatistics, type StatisticsRow } from '../../../shared/db/statistics.ts';
import { latestDecision } from '../../../shared/db/weight-decisions.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { weighingOf } from '../../support/weighing.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
const roundSeconds = 5;
const esps = ['postmark', 'sendgrid'];
/** The process as it runs: its tickers on the one database. */
const processOf = () => {
  const metrics = createMetrics('test');
  const deps = {
    pool: database.pool,
    log: createLog({ name: 'test', level: 'silent' }),
    metrics,
    weighing: weighingOf('rates', esps, roundSeconds),
  };
  const reweigh = weigher(deps);
  const health = healthTicker(deps, reweigh);
  const plans = plansTicker(deps);
  return {
    metrics,
    judge: () => health.tick(),
    weigh: () => weightsTicker(reweigh).tick(),
    movePlans: () => plans.tick(),
  };
};
const healthOf = async (esp: string): Promise<StoredHealth | undefined> =>
  (await loadEspStates(database.pool, roundSeconds)).byEsp[esp]?.health;
const weights = async (account = 'admin') => (await latestDecision(database.pool, account, ''))?.weights;

interface Calls {
  readonly good: number;
  readonly bad: number;
  readonly fatal?: number;
}
/** Rounds of an ESP that have ended, the last of them just now; nobody writes a quiet one. */
const rounds = (esp: string, calls: readonly Calls[]) =>
  database.pool.query(
    `insert into esp_rounds (esp, round, good, bad, fatal)
     select $1, floor(extract(epoch from now()) / ${roundSeconds})::bigint - $2 + n, good, bad, fatal
     from unnest($3::bigint[], $4::bigint[], $5::bigint[]) with ordinality as c(good, bad, fatal, n)
     where good + bad > 0
     on conflict (esp, round) do nothing`,
    [
      esp,
      calls.length + 1,
      calls.map(({ good }) => good),
      calls.map(({ bad }) => bad),
      calls.map(({ fatal = 0 }) => fatal),
    ],
  );
const good = { good: 5, bad: 0 };
const bad = { good: 5, bad: 1 };
const quiet = { good: 0, bad: 0 };

describe('The health of the ESPs', () => {
  it('is judged once a round, in order: two bad ones make an ESP sick', async () => {
    await rounds('sendgrid', [good, bad, bad]);
    await rounds('postmark', [bad, good, bad]);
    const { judge, metrics } = processOf();
    await judge();
    await judge();
    expect(await healthOf('sendgrid')).toMatchObject({ state: 'unhealthy', badRounds: 2, trips: 1 });
    expect(await healthOf('postmark')).toMatchObject({ state: 'healthy', badRounds: 1 });
    const text = await metrics.render();
    expect(text).toContain('mailfleet_esp_unhealthy{esp="sendgrid",process="test"} 1');
    expect(text).toContain('mailfleet_esp_unhealthy{esp="postmark",process="test"} 0');
  });

  it('is the same when two copies judge the same rounds', async () => {
    await rounds('sendgrid', [bad, bad, good, bad]);
    await Promise.all([processOf().judge(), processOf().judge()]);
    expect(await healthOf('sendgrid')).toMatchObject({ state: 'unhealthy', badRounds: 1, goodRounds: 0, trips: 1 });
  });

  it('is not shaken by a lost call among many, but by refused credentials', async () => {
    await rounds('sendgrid', [
      { good: 1_000, bad: 1 },
      { good: 1_000, bad: 90 },
    ]);
    await rounds('postmark', [{ good: 1_000, bad: 1, fatal: 1 }]);
    await processOf().judge();
    expect(await healthOf('sendgrid')).toMatchObject({ state: 'healthy', badRounds: 0 });
    expect(await healthOf('postmark')).toMatchObject({ state: 'unhealthy' });
  });

  it('returns after six good rounds, quiet ones after a good one among them', async () => {
    await rounds('sendgrid', [bad, bad, ...Array<Calls>(6).fill(good)]);
    await rounds('postmark', [bad, bad, good, quiet, quiet, quiet, quiet, good]);
    await processOf().judge();
    expect(await healthOf('sendgrid')).toMatchObject({ state: 'healthy', goodRounds: 6 });
    expect(await healthOf('postmark')).toMatchObject({ state: 'healthy', goodRounds: 6 });
  });
});

describe('The weights', () => {
  it('are decided anew at once when the health of an ESP has changed', async () => {
    const { judge, weigh } = processOf();
    await weigh();
    expect(await weights()).toEqual({ postmark: 500, sendgrid: 500 });
    await rounds('sendgrid', [bad, bad]);
    await judge();
    expect(await weights()).toEqual({ postmark: 1_000, sendgrid: 0 });
    expect((await latestDecision(database.pool, 'admin', ''))?.reason).toContain('Unhealthy, probes only: sendgrid.');
  });

  it('fall to a twentieth at once after the first bad round', async () => {
    const { judge } = processOf();
    await rounds('sendgrid', [good, bad]);
    await judge();
    expect(await weights()).toEqual({ postmark: 950, sendgrid: 50 });
  });

  it('come back by doubling, without a round to judge', async () => {
    const { weigh } = processOf();
    const wellSince = (rounds: number) =>
      database.pool.query(
        `update esp_health set state = 'healthy', bad_rounds = 0, good_rounds = 6, trips = 1,
                changed_round = floor(extract(epoch from now()) / ${roundSeconds}) - $1::int`,
        [rounds],
      );
    const sick = {
      esp: 'sendgrid',
      state: 'unhealthy',
      goodRounds: 0,
      badRounds: 2,
      lastRound: 1,
      lastError: null,
    } as const;
    await storeHealth(database.pool, { ...sick, trips: 1, changedRound: 1 });
    await weigh();
    expect(await weights()).toEqual({ postmark: 1_000, sendgrid: 0 });
    await wellSince(100);
    await weigh();
    expect(await weights()).toEqual({ postmark: 500, sendgrid: 500 });
  });

  it('are those of every account that ever sent, and of the admin account', async () => {
    await addStatistics(database.pool, [{ ...row('sendgrid', { sent: 5 }), accountId: 'acme' }]);
    const { weigh, metrics } = processOf();
    await weigh();
    await weigh();
    expect(await weights('acme')).toEqual({ postmark: 500, sendgrid: 500 });
    const { rows } = await database.pool.query(
      'select account_id, count(*)::int as n from weight_decisions group by 1 order by 1',
    );
    expect(rows).toEqual([
      { account_id: 'acme', n: 1 },
      { account_id: 'admin', n: 1 },
    ]);
    expect(await metrics.render()).toContain('mailfleet_esp_weight{esp="sendgrid",process="test"} 500');
  });
});

const row = (esp: string, more: Partial<StatisticsRow>): StatisticsRow => ({
  ...{ accountId: 'admin', esp, mailboxProvider: 'gmail', batchId: '', minute: new Date(Date.now() - 7_200_000) },
  ...{ sent: 0, delivered: 0, opened: 0, clicked: 0, bounced: 0, complained: 0, failed: 0, catchAll: 0 },
  ...more,
});

describe('A ramp plan', () => {
  const yesterday = new Date(Date.now() - 25 * 3_600_000).toISOString();
  const onRamp = (esp: string, percent: number, steppedAt = yesterday) =>
    changeControls(database.pool, esp, { action: 'ramp', accountId: 'admin', reason: null }, (before) => ({
      ...before,
      ramp: { percentPerDay: 10, percent, steppedAt },
    }));
  const rampOf = async (esp: string) =>
    (await loadEspStates(database.pool, roundSeconds)).byEsp[esp]?.controls.ramp ?? undefined;
  const told = async (rows: readonly StatisticsRow[]): Promise<void> => {
    await seedDelays(database.pool, esps, new Date(Date.now() - 40 * 86_400_000));
    await addStatistics(database.pool, rows);
  };

  it('grows by a step a day, and is kept to in the weights', async () => {
    await onRamp('sendgrid', 10);
    const { movePlans, weigh } = processOf();
    await weigh();
    expect(await weights()).toEqual({ postmark: 900, sendgrid: 100 });
    await movePlans();
    await movePlans();
    expect(await rampOf('sendgrid')).toMatchObject({ percent: 20 });
    await weigh();
    expect(await weights()).toEqual({ postmark: 800, sendgrid: 200 });
    expect((await readAudit(database.pool, 'sendgrid', 1))[0]).toMatchObject({
      action: 'ramp-step',
      accountId: 'esp-weights',
    });
  });

  it('does not grow before its day is over', async () => {
    await onRamp('sendgrid', 10, new Date(Date.now() - 3_600_000).toISOString());
    await processOf().movePlans();
    expect(await rampOf('sendgrid')).toMatchObject({ percent: 10 });
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['is unhealthy', () => rounds('sendgrid', [bad, bad]).then(() => processOf().judge()), /unhealthy/],
    [
      'draws complaints',
      () =>
        told([
          row('sendgrid', { sent: 1_000, delivered: 980, complained: 5 }),
          row('postmark', { sent: 1_000, delivered: 980 }),
        ]),
      /0\.51 % of its mail is complained about/,
    ],
    [
      'does worse than the others',
      () =>
        told([
          row('sendgrid', { sent: 1_000, delivered: 500 }),
          row('postmark', { sent: 1_000, delivered: 980, opened: 400 }),
        ]),
      /worse than the others/,
    ],
  ])('is held while the ESP %s, and the reason is kept', async (_, happen, why) => {
    await onRamp('sendgrid', 10);
    await happen();
    await processOf().movePlans();
    expect(await rampOf('sendgrid')).toMatchObject({ percent: 10, held: expect.stringMatching(why) });
    const [change] = await readAudit(database.pool, 'sendgrid', 1);
    expect(change).toMatchObject({ action: 'ramp-held', reason: expect.stringMatching(why) });
    // Held for a day, not asked again every minute.
    await processOf().movePlans();
    expect(await readAudit(database.pool, 'sendgrid', 10)).toHaveLength(2);
  });

  it('leaves ESPs without one alone, and forgets counts by the second that are old', async () => {
    await database.pool.query(
      `insert into esp_cohorts (account_id, esp, mailbox_provider, sent_at, sent)
       select 'admin', 'ses', 'gmail', now() - n * interval '1 min', 1 from unnest(array[1, 25]) as n`,
    );
    await processOf().movePlans();
    expect((await database.pool.query('select from esp_cohorts')).rows).toHaveLength(1);
    expect((await database.pool.query('select from esp_audit')).rows).toHaveLength(0);
  });
});
