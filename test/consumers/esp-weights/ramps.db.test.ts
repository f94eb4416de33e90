import { beforeEach, describe, expect, it } from '@jest/globals';
import { plansTicker } from '../../../consumers/esp-weights/ticker.ts';
import { decideStanding } from '../../../shared/db/decide-weights.ts';
import { changeControls, readAudit } from '../../../shared/db/esp-controls.ts';
import { storeHealth } from '../../../shared/db/esp-health.ts';
import { loadEspStates } from '../../../shared/db/esp-states.ts';
import { newRamp, type Ramp } from '../../../shared/domain/ramp.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate esp_controls, esp_audit, esp_budgets, esp_cohorts, outcome_delays'));

const weighing = {
  policy: 'even' as const,
  esps: ['postmark', 'ses'],
  roundSeconds: 5,
  thresholds: { healthyThreshold: 6, unhealthyThreshold: 2 },
};
const log = createLog({ name: 'test', level: 'silent' });
const tick = () => plansTicker({ pool: database.pool, log, metrics: createMetrics('test'), weighing }).tick();
const operator = { action: 'limits', accountId: 'admin', reason: null };
const begin = (percentPerDay: number) =>
  changeControls(database.pool, 'ses', operator, (before) => ({
    ...before,
    ramp: newRamp(percentPerDay, new Date()),
  }));
/** As if the last step had been made so many hours earlier. */
const hoursPass = (hours: number) =>
  database.pool.query(
    `update esp_controls set ramp = jsonb_set(ramp, '{steppedAt}',
       to_jsonb(to_char(((ramp ->> 'steppedAt')::timestamptz - make_interval(hours => $1)) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))`,
    [hours],
  );
const ramp = async (): Promise<Ramp | null | undefined> =>
  (await loadEspStates(database.pool, 5)).byEsp['ses']?.controls.ramp;
const weight = async () => (await decideStanding(database.pool, 'admin', weighing)).weights['ses'];
const audited = async () =>
  (await readAudit(database.pool, 'ses', 10)).map(({ action, accountId, reason }) => [action, accountId, reason]);

describe('A ramp plan', () => {
  it('grows by its percent once a day, and no decision gives the ESP more', async () => {
    await begin(15);
    expect(await weight()).toBe(150);
    await tick();
    expect(await weight()).toBe(150);
    await hoursPass(25);
    await tick();
    await tick();
    expect(await ramp()).toMatchObject({ percent: 30 });
    expect(await weight()).toBe(300);
    expect(await audited()).toEqual([
      ['ramp-step', 'esp-weights', 'it may have 30 % of all mail now'],
      ['limits', 'admin', null],
    ]);
  });

  it('makes one step after three days in which nobody asked', async () => {
    await begin(10);
    await hoursPass(72);
    await tick();
    await tick();
    expect(await ramp()).toMatchObject({ percent: 20 });
  });

  it('ends at 100 %, which holds the ESP to nothing', async () => {
    await begin(60);
    await hoursPass(25);
    await tick();
    expect(await ramp()).toMatchObject({ percent: 100 });
    expect(await weight()).toBe(500);
    await hoursPass(250);
    await tick();
    expect(await audited()).toHaveLength(2);
  });

  it('is held for a day, with the reason, while the ESP is unhealthy, and goes on afterwards', async () => {
    await begin(10);
    await hoursPass(25);
    const sick = { esp: 'ses', goodRounds: 0, badRounds: 2, lastRound: 1, lastError: null, trips: 1, changedRound: 1 };
    await storeHealth(database.pool, { ...sick, state: 'unhealthy' });
    await tick();
    expect(await ramp()).toMatchObject({ percent: 10, held: 'it is unhealthy' });
    expect((await audited())[0]).toEqual(['ramp-held', 'esp-weights', 'it is unhealthy']);
    await storeHealth(database.pool, {
      ...sick,
      state: 'healthy',
      badRounds: 0,
      lastRound: 2,
      changedRound: undefined,
    });
    await tick();
    expect(await ramp()).toMatchObject({ percent: 10 });
    await hoursPass(25);
    await tick();
    const grown = await ramp();
    expect(grown).toMatchObject({ percent: 20 });
    expect(grown?.held).toBeUndefined();
  });

  it('is held when its mail draws complaints', async () => {
    await begin(10);
    await hoursPass(25);
    await database.pool.query(
      `insert into outcome_delays (esp, bucket, count, min_ms, max_ms, since) values ('ses', 1, 100, 1, 1000, now() - interval '5 days')`,
    );
    await database.pool.query(
      `insert into esp_statistics (account_id, esp, mailbox_provider, batch_id, minute, sent, delivered, complained)
       values ('admin', 'ses', 'gmail', '', date_trunc('minute', now() - interval '2 days'), 1000, 1000, 5)`,
    );
    await tick();
    expect(await ramp()).toMatchObject({ percent: 10, held: '0.50 % of its mail is complained about' });
  });

  it('that an operator ends stays ended', async () => {
    await begin(10);
    await hoursPass(25);
    await changeControls(database.pool, 'ses', operator, (before) => ({ ...before, ramp: null }));
    await tick();
    expect(await ramp()).toBeNull();
    expect(await weight()).toBe(500);
  });
});
