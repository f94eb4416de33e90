import { describe, expect, it } from '@jest/globals';
import { decideBatch, decideStanding, weighSettings, type WeighSettings } from '../../../shared/db/decide-weights.ts';
import { changeControls } from '../../../shared/db/esp-controls.ts';
import { storeHealth } from '../../../shared/db/esp-health.ts';
import { seedDelays } from '../../../shared/db/seeded-rows.ts';
import { addStatistics, type StatisticsRow } from '../../../shared/db/statistics.ts';
import {
  accountsWithEvidence,
  decisionById,
  latestDecision,
  weightHistory,
} from '../../../shared/db/weight-decisions.ts';
import { mailboxProviders } from '../../../shared/domain/mailbox-provider.ts';
import { weightPolicies } from '../../../shared/domain/weigh-esps.ts';
import { weighingOf } from '../../support/weighing.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const esps = ['postmark', 'sendgrid'];
const settings: WeighSettings = weighingOf('adaptive', esps);
const hour = 3_600_000;
const outcomes = (esp: string, more: Partial<StatisticsRow>): StatisticsRow => ({
  ...{ accountId: 'admin', esp, mailboxProvider: 'gmail', batchId: '', minute: new Date(Date.now() - 2 * hour) },
  ...{ sent: 0, delivered: 0, opened: 0, clicked: 0, bounced: 0, complained: 0, failed: 0, catchAll: 0 },
  ...more,
});
const good = { sent: 1_000, delivered: 980, opened: 500 };
const bad = { sent: 1_000, delivered: 500, opened: 50, bounced: 400 };
/** Adds outcomes of ESPs that have been heard for a month. */
const add = async (rows: readonly StatisticsRow[]): Promise<void> => {
  await seedDelays(database.pool, ['postmark', 'sendgrid'], new Date(Date.now() - 31 * 24 * hour));
  await addStatistics(database.pool, rows);
};
const setSick = (esp: string) =>
  storeHealth(database.pool, {
    ...{
      esp,
      state: 'unhealthy',
      goodRounds: 0,
      badRounds: 2,
      lastRound: 1,
      lastError: 'down',
      trips: 1,
      changedRound: 1,
    },
  });
const countDecisions = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ n: string }>('select count(*) as n from weight_decisions');
  return Number(rows[0]?.n);
};
const sum = (weights: Readonly<Record<string, number>> = {}): number =>
  Object.values(weights).reduce((total, weight) => total + weight, 0);
const even = { postmark: 500, sendgrid: 500 };
const standing = (more: Partial<WeighSettings> = {}) =>
  decideStanding(database.pool, 'admin', { ...settings, ...more });
const batch = (
  id = 'spring',
  more: Partial<WeighSettings> = {},
  mix: Readonly<Record<string, number>> = { gmail: 100 },
) => decideBatch(database.pool, 'admin', id, { ...settings, ...more }, mix);

describe('The standing decision', () => {
  it('is even without any history', async () => {
    const decision = await standing();
    expect(decision).toMatchObject({ weights: even, window: '30d', policy: 'adaptive', totals: null });
    expect(decision.reason).toContain('none yet');
    expect(Object.keys(decision.providerWeights).sort()).toEqual([...mailboxProviders].sort());
  });

  it.each(weightPolicies.filter((policy) => policy !== 'even'))(
    'follows the outcomes of 30 days by %s',
    async (policy) => {
      await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
      const { weights, providerWeights, evidence, basis } = await standing({ policy });
      expect(weights['sendgrid']).toBeGreaterThan(700);
      expect(sum(weights)).toBe(1_000);
      for (const provider of mailboxProviders) expect(sum(providerWeights[provider])).toBe(1_000);
      expect(evidence['sendgrid']).toMatchObject({ ...good, settled: 1_000 });
      expect(basis.cells['postmark']?.['gmail']).toMatchObject(bad);
    },
  );

  it('counts nothing of mail that is not settled, nor of an ESP that was never heard of', async () => {
    await add([
      outcomes('sendgrid', { ...bad, minute: new Date() }),
      outcomes('postmark', { ...good, minute: new Date() }),
      outcomes('ses', bad),
    ]);
    const { weights, evidence } = await standing({ esps: [...esps, 'ses'] });
    expect(Math.max(...Object.values(weights)) - Math.min(...Object.values(weights))).toBeLessThanOrEqual(1);
    for (const esp of [...esps, 'ses']) expect(evidence[esp]).toMatchObject({ sent: 1_000, settled: 0, delivered: 0 });
  });

  it('tells mailbox providers apart, and averages them over the account’s own mail', async () => {
    await add([
      outcomes('sendgrid', { sent: 1_800, delivered: 1_790 }),
      outcomes('postmark', { sent: 1_800, delivered: 1_500 }),
      outcomes('sendgrid', { mailboxProvider: 'outlook', sent: 200, delivered: 120 }),
      outcomes('postmark', { mailboxProvider: 'outlook', sent: 200, delivered: 198 }),
    ]);
    const { weights, providerWeights } = await standing();
    expect(providerWeights['gmail']?.['sendgrid']).toBeGreaterThan(900);
    expect(providerWeights['outlook']?.['postmark']).toBeGreaterThan(900);
    const averaged =
      0.9 * (providerWeights['gmail']?.['sendgrid'] ?? 0) + 0.1 * (providerWeights['outlook']?.['sendgrid'] ?? 0);
    expect(Math.abs((weights['sendgrid'] ?? 0) - averaged)).toBeLessThan(1);
  });

  it('leaves a sick ESP nothing, a paused one nothing, and says so', async () => {
    await setSick('sendgrid');
    const change = { action: 'pause', accountId: 'admin', reason: null };
    await changeControls(database.pool, 'ses', change, (before) => ({ ...before, mode: 'paused' }));
    const decision = await standing({ esps: [...esps, 'ses'] });
    expect(decision.weights).toEqual({ postmark: 1_000, sendgrid: 0, ses: 0 });
    expect(decision.reason).toContain('Unhealthy, probes only: sendgrid.');
    expect(decision.reason).toContain('Taken out by an operator: ses.');
    expect(decision.basis.allowances).toEqual({
      postmark: 'any share',
      sendgrid: 'unhealthy: probes only',
      ses: 'paused',
    });
  });

  it('is each account’s own', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    await standing();
    expect((await decideStanding(database.pool, 'acme', settings)).weights).toEqual(even);
    expect((await latestDecision(database.pool, 'acme', ''))?.weights).toEqual(even);
    expect(await accountsWithEvidence(database.pool)).toEqual(['admin']);
  });
});

describe('The history of the weights', () => {
  it('has a new row when the weights, the policy, the ESPs or what they may have has changed, and none else', async () => {
    const ids = new Set<number>();
    const decided = async (more: Partial<WeighSettings> = {}): Promise<number> => {
      ids.add((await standing(more)).id);
      await standing(more);
      return ids.size;
    };
    expect(await decided()).toBe(1);
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    expect(await decided()).toBe(2);
    expect(await decided({ policy: 'even' })).toBe(3);
    expect(await decided({ policy: 'even', esps: [...esps, 'ses'] })).toBe(4);
    await setSick('ses');
    expect(await decided({ policy: 'even', esps: [...esps, 'ses'] })).toBe(5);
    expect(await countDecisions()).toBe(5);
  });

  it('has a change at one mailbox provider, though the average hardly moves', async () => {
    const rows = (delivered: number) => [
      outcomes('sendgrid', { mailboxProvider: 'icloud', sent: 200, delivered }),
      outcomes('postmark', { mailboxProvider: 'icloud', sent: 200, delivered: 198 }),
      outcomes('sendgrid', { sent: 40_000, delivered: 39_000 }),
      outcomes('postmark', { sent: 40_000, delivered: 39_000 }),
    ];
    await add(rows(198));
    const before = await standing();
    await add([outcomes('sendgrid', { mailboxProvider: 'icloud', sent: 200, delivered: 0 })]);
    const after = await standing();
    expect(Math.abs((after.weights['sendgrid'] ?? 0) - (before.weights['sendgrid'] ?? 0))).toBeLessThan(100);
    expect(after.id).not.toBe(before.id);
    expect(after.providerWeights['icloud']?.['sendgrid']).toBeLessThan(100);
  });

  it('has a small change not at once, but once the last row is a minute old', async () => {
    await add([
      outcomes('sendgrid', { ...good, sent: 10_000, delivered: 9_700 }),
      outcomes('postmark', { sent: 10_000, delivered: 9_700, opened: 500 }),
    ]);
    const before = await standing({ policy: 'rates' });
    await add([outcomes('sendgrid', { opened: 40 })]);
    expect((await standing({ policy: 'rates' })).id).toBe(before.id);
    await database.pool.query(`update weight_decisions set decided_at = now() - interval '61 s'`);
    const after = await standing({ policy: 'rates' });
    const moved = (after.weights['sendgrid'] ?? 0) - (before.weights['sendgrid'] ?? 0);
    expect(after.id).not.toBe(before.id);
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(5);
    await database.pool.query(`update weight_decisions set decided_at = now() - interval '61 s'`);
    expect((await standing({ policy: 'rates' })).id).toBe(after.id);
  });

  it('is read by steps, oldest first, the last decision of each', async () => {
    await standing();
    await standing({ policy: 'even' });
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    await standing();
    await database.pool.query(
      `update weight_decisions set decided_at = date_trunc('hour', now()) + case when policy = 'even' then interval '9 s' else interval '5 s' end - case when weights->>'sendgrid' = '500' then interval '2 h' else interval '1 h' end`,
    );
    const history = await weightHistory(database.pool, 'admin', new Date(Date.now() - 5 * hour), 60);
    expect(history).toHaveLength(2);
    expect(history[0]?.weights).toEqual(even);
    expect(history[1]?.weights['sendgrid']).toBeGreaterThan(700);
    // What stood when the time began is part of it.
    expect(await weightHistory(database.pool, 'admin', new Date(), 60)).toEqual(history.slice(1));
  });
});

describe('The decision of a batch', () => {
  it('reads 30 days first, and then what became known since the batch before', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    const first = await batch();
    expect(first).toMatchObject({ window: '30d', batchId: 'spring' });
    expect(first.weights['sendgrid']).toBeGreaterThan(700);
    expect(first.totals).toMatchObject({ sendgrid: { gmail: { ...good, settled: 1_000 } } });

    // Since then it is the other way round, and the batch's own id is not what counts.
    await add([outcomes('sendgrid', bad), outcomes('postmark', { ...good, batchId: 'other' })]);
    const second = await batch();
    expect(second).toMatchObject({ window: 'since-last-batch' });
    expect(second.evidence['sendgrid']).toMatchObject(bad);
    expect(second.evidence['postmark']).toMatchObject(good);
    expect(second.weights['postmark']).toBeGreaterThan(700);
  });

  it('without news keeps what its policy remembers', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    const first = await batch();
    for (let n = 0; n < 3; n += 1) {
      const later = await batch();
      expect(later).toMatchObject({ window: 'since-last-batch', evidence: { sendgrid: { settled: 0 } } });
      expect(Math.abs((later.weights['sendgrid'] ?? 0) - (first.weights['sendgrid'] ?? 0))).toBeLessThan(10);
    }
    // The Go consumer's rule remembers nothing, and has nothing to go by.
    await batch('summer', { policy: 'rates' });
    expect((await batch('summer', { policy: 'rates' })).weights).toEqual(even);
  });

  it('takes nothing from the memory of another policy', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    await batch('spring', { policy: 'thompson' });
    const second = await batch();
    expect(second.window).toBe('since-last-batch');
    expect(second.weights).toEqual(even);
  });

  it('learns of mail of the batch before once it is settled, whole', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', good)]);
    await batch();
    const sending = new Date();
    await add([
      outcomes('sendgrid', { sent: 500, delivered: 150, minute: sending }),
      outcomes('postmark', { sent: 500, delivered: 480, minute: sending }),
    ]);
    const early = await batch();
    expect(early.evidence['sendgrid']).toMatchObject({ sent: 500, settled: 0, delivered: 0 });
    // Half an hour later, by all clocks that count.
    await database.pool.query(`update esp_statistics set minute = minute - interval '30 min'`);
    await database.pool.query(`update esp_cohorts set sent_at = sent_at - interval '30 min'`);
    const late = await batch();
    expect(late.evidence['sendgrid']).toMatchObject({ sent: 0, settled: 500, delivered: 150 });
    expect(late.weights['sendgrid']).toBeLessThan(100);
  });

  it('is averaged over its own recipients', async () => {
    await add([
      outcomes('sendgrid', { sent: 900, delivered: 895 }),
      outcomes('postmark', { sent: 900, delivered: 750 }),
      outcomes('sendgrid', { mailboxProvider: 'outlook', sent: 900, delivered: 600 }),
      outcomes('postmark', { mailboxProvider: 'outlook', sent: 900, delivered: 890 }),
    ]);
    const ofGmail = await batch('a', {}, { gmail: 100 });
    const ofOutlook = await batch('b', {}, { outlook: 100 });
    expect(ofGmail.weights).toEqual(ofGmail.providerWeights['gmail']);
    expect(ofOutlook.weights).toEqual(ofGmail.providerWeights['outlook']);
    expect((await batch('c', {}, { gmail: 50, outlook: 50 })).weights['sendgrid']).toBe(500);
  });

  it('is each batch id’s own', async () => {
    await batch('spring');
    expect((await batch('summer')).window).toBe('30d');
    expect((await decideBatch(database.pool, 'acme', 'spring', settings, {})).window).toBe('30d');
  });

  it('can be read again by its number', async () => {
    await add([outcomes('sendgrid', good)]);
    const decision = await batch();
    expect(await decisionById(database.pool, decision.id)).toEqual(decision);
    expect(await latestDecision(database.pool, 'admin', 'spring')).toEqual(decision);
    expect(await decisionById(database.pool, decision.id + 1_000)).toBeUndefined();
  });

  it('starts anew after a decision of a version that told no mailbox providers apart', async () => {
    await database.pool.query(
      `insert into weight_decisions (account_id, batch_id, "window", policy, reason, weights, evidence, totals)
       values ('admin', 'spring', '30d', 'adaptive', 'old', '{"sendgrid": 1000}', '{}', '{"sendgrid": {"sent": 5}}')`,
    );
    expect((await latestDecision(database.pool, 'admin', 'spring'))?.providerWeights).toEqual({});
    expect((await batch()).window).toBe('30d');
  });
});

it('The settings of a process are those of its environment', () => {
  const env = {
    WEIGHT_POLICY: 'adaptive',
    HEALTH_ROUND_SECONDS: 5,
    HEALTHY_THRESHOLD: 6,
    UNHEALTHY_THRESHOLD: 2,
  } as const;
  expect(weighSettings(env, esps)).toEqual(settings);
});
