import { describe, expect, it } from '@jest/globals';
import { changeControls, readAudit } from '../../../shared/db/esp-controls.ts';
import { routingChannel, storeHealth } from '../../../shared/db/esp-health.ts';
import { loadEspStates, noControls, type EspControls } from '../../../shared/db/esp-states.ts';
import { listenTo } from '../../../shared/db/listen.ts';
import { addStatistics } from '../../../shared/db/statistics.ts';
import { newRamp } from '../../../shared/domain/ramp.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const by = (action: string, reason: string | null = null) => ({ action, accountId: 'admin', reason });
const set = (esp: string, controls: Partial<EspControls>) =>
  changeControls(database.pool, esp, by('set'), (before) => ({ ...before, ...controls }));
const stateOf = async (esp: string) => (await loadEspStates(database.pool, 5)).byEsp[esp];
const spend = (esp: string, period: 'day' | 'month', spent: number, ago = '0 s') =>
  database.pool.query(
    `insert into esp_budgets (esp, period, since, spent) values ($1, $2, date_trunc($2, now() - $4::interval, 'UTC'), $3)`,
    [esp, period, spent, ago],
  );
const sentLately = (sent: number) =>
  addStatistics(database.pool, [
    {
      ...{
        accountId: 'admin',
        esp: 'ses',
        mailboxProvider: 'gmail',
        batchId: '',
        minute: new Date(Date.now() - 3_600_000),
      },
      ...{ sent, delivered: 0, opened: 0, clicked: 0, bounced: 0, complained: 0, failed: 0, catchAll: 0 },
    },
  ]);

describe('What is known of the ESPs', () => {
  it('is the round that is running, and nothing of ESPs that nobody touched', async () => {
    const { round, byEsp } = await loadEspStates(database.pool, 5);
    const { rows } = await database.pool.query<{ round: string }>(
      'select floor(extract(epoch from now()) / 5) as round',
    );
    expect(Number(rows[0]?.round) - round).toBeLessThanOrEqual(1);
    expect(byEsp).toEqual({});
  });

  it('is their health, their controls, or both', async () => {
    await set('postmark', { mode: 'paused' });
    await set('ses', { mode: 'draining', perSecond: 14 });
    const sick = {
      esp: 'ses',
      state: 'unhealthy',
      goodRounds: 0,
      badRounds: 2,
      lastRound: 9,
      lastError: 'down',
      trips: 1,
    } as const;
    await storeHealth(database.pool, sick);
    await storeHealth(database.pool, { ...sick, esp: 'smtp' });
    expect(await stateOf('postmark')).toMatchObject({ mode: 'paused', most: 1, health: undefined });
    expect(await stateOf('ses')).toMatchObject({
      mode: 'draining',
      health: sick,
      controls: { ...noControls, mode: 'draining', perSecond: 14 },
    });
    expect(await stateOf('smtp')).toMatchObject({
      mode: 'active',
      controls: noControls,
      health: { state: 'unhealthy' },
    });
  });

  it('is how much a ramp plan leaves them', async () => {
    await set('ses', { ramp: newRamp(12.5, new Date()) });
    expect(await stateOf('ses')).toMatchObject({ most: 0.125, controls: { ramp: { percent: 12.5 } } });
  });

  it('is how much the budgets of this day and month leave them of the mail that is to be expected', async () => {
    await sentLately(10_000);
    await set('ses', { perDay: 1_000 });
    await set('smtp', { perDay: 1_000, perMonth: 5_000 });
    await set('postmark', { perMonth: 500 });
    await spend('ses', 'day', 400);
    await spend('smtp', 'day', 400);
    await spend('smtp', 'month', 4_900);
    await spend('postmark', 'month', 500);
    const [ses, smtp, postmark] = [await stateOf('ses'), await stateOf('smtp'), await stateOf('postmark')];
    expect([ses?.spentToday, smtp?.spentThisMonth, postmark?.spentThisMonth]).toEqual([400, 4_900, 500]);
    // 600 are left of what is at most 10,000 by the end of the day, and 100 of smtp’s month, of which at most 31 such days are left.
    expect(ses?.most).toBeGreaterThanOrEqual(0.06);
    expect(smtp?.most).toBeGreaterThanOrEqual(0);
    expect(smtp?.most).toBeLessThanOrEqual(ses?.most ?? 0);
    expect(postmark?.most).toBe(0);
  });

  it('is not what was spent on other days', async () => {
    await set('ses', { perDay: 1_000 });
    await spend('ses', 'day', 1_000, '25 h');
    expect(await stateOf('ses')).toMatchObject({ spentToday: 0, most: 1 });
  });

  it('is the narrower of a ramp plan and a spent budget', async () => {
    await set('ses', { ramp: newRamp(50, new Date()), perDay: 10 });
    expect((await stateOf('ses'))?.most).toBe(0.5);
    await spend('ses', 'day', 11);
    expect((await stateOf('ses'))?.most).toBe(0);
  });
});

describe('A change of an ESP’s controls', () => {
  it('is kept with who made it and why, newest first', async () => {
    await changeControls(database.pool, 'ses', by('pause', 'maintenance'), (before) => ({ ...before, mode: 'paused' }));
    await changeControls(database.pool, 'smtp', by('pause'), (before) => ({ ...before, mode: 'paused' }));
    const after = await changeControls(database.pool, 'ses', by('resume'), (before) => {
      expect(before).toEqual({ ...noControls, mode: 'paused' });
      return { ...before, mode: 'active', perDay: 5_000_000_000 };
    });
    expect(after).toEqual({ ...noControls, perDay: 5_000_000_000 });
    expect(await readAudit(database.pool, 'ses', 10)).toMatchObject([
      { action: 'resume', accountId: 'admin', reason: null },
      { action: 'pause', accountId: 'admin', reason: 'maintenance' },
    ]);
    expect(await readAudit(database.pool, 'ses', 1)).toHaveLength(1);
    const { rows } = await database.pool.query(
      `select before->>'mode' as before, after->>'mode' as after from esp_audit where esp = 'ses' order by id`,
    );
    expect(rows).toEqual([
      { before: 'active', after: 'paused' },
      { before: 'paused', after: 'active' },
    ]);
  });

  it('waits for the one before it, so that none is lost', async () => {
    await Promise.all(
      Array.from({ length: 12 }, () =>
        changeControls(database.pool, 'ses', by('more'), (before) => ({
          ...before,
          perSecond: (before.perSecond ?? 0) + 1,
        })),
      ),
    );
    expect((await stateOf('ses'))?.controls.perSecond).toBe(12);
    expect(await readAudit(database.pool, 'ses', 100)).toHaveLength(12);
  });

  it('is told to every process, and neither told nor kept when it fails', async () => {
    let notices = 0;
    const listener = listenTo(database.url, routingChannel, () => {
      notices += 1;
    });
    await waitFor(() => notices === 1, { what: 'the ear being open' });
    const failing = changeControls(database.pool, 'ses', by('pause'), () => {
      throw new Error('refused');
    });
    await expect(failing).rejects.toThrow('refused');
    await set('ses', { mode: 'paused' });
    await waitFor(() => notices >= 2, { what: 'the notice' });
    expect(notices).toBe(2);
    expect(await readAudit(database.pool, 'ses', 10)).toHaveLength(1);
    await listener.close();
  });
});
