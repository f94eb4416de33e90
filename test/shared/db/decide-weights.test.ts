import { describe, expect, it } from '@jest/globals';
import { decideBatch, decideStanding, type WeighSettings } from '../../../shared/db/decide-weights.ts';
import { storeHealth } from '../../../shared/db/esp-health.ts';
import { addStatistics, type StatisticsRow } from '../../../shared/db/statistics.ts';
import {
  accountsWithEvidence,
  decisionById,
  latestDecision,
  takePositions,
} from '../../../shared/db/weight-decisions.ts';
import { useDatabase } from './tables.ts';

const database = useDatabase();
const settings: WeighSettings = { policy: 'rates', esps: ['postmark', 'sendgrid'] };
const outcomes = (esp: string, more: Partial<StatisticsRow>): StatisticsRow => ({
  ...{ accountId: 'admin', esp, mailboxProvider: 'gmail', batchId: '', minute: new Date(Date.now() - 7_200_000) },
  ...{ sent: 0, delivered: 0, opened: 0, clicked: 0, bounced: 0, complained: 0, failed: 0 },
  ...more,
});
const good = { sent: 1_000, delivered: 980, opened: 500 };
const bad = { sent: 1_000, delivered: 500, opened: 50, bounced: 400 };
const add = (rows: readonly StatisticsRow[]) => addStatistics(database.pool, rows);
const setSick = (esp: string) =>
  storeHealth(database.pool, { esp, state: 'unhealthy', goodRounds: 0, badRounds: 2, lastRound: 1, lastError: 'down' });
const countDecisions = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ n: string }>('select count(*) as n from weight_decisions');
  return Number(rows[0]?.n);
};

describe('The standing decision', () => {
  it('is even without any history', async () => {
    expect(await decideStanding(database.pool, 'admin', settings)).toMatchObject({
      weights: { postmark: 500, sendgrid: 500 },
      window: '30d',
      policy: 'rates',
      totals: null,
    });
  });

  it('follows the outcomes of 30 days', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    const { weights, evidence } = await decideStanding(database.pool, 'admin', settings);
    expect(weights['sendgrid']).toBeGreaterThan(700);
    expect(evidence['sendgrid']).toMatchObject(good);
  });

  it('is written anew only when the weights, the policy or the ESPs have changed', async () => {
    const first = await decideStanding(database.pool, 'admin', settings);
    expect((await decideStanding(database.pool, 'admin', settings)).id).toBe(first.id);
    expect(await countDecisions()).toBe(1);
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    expect((await decideStanding(database.pool, 'admin', settings)).id).not.toBe(first.id);
    await decideStanding(database.pool, 'admin', { ...settings, policy: 'even' });
    await decideStanding(database.pool, 'admin', { ...settings, esps: ['postmark', 'sendgrid', 'ses'] });
    expect(await countDecisions()).toBe(4);
  });

  it('leaves a sick ESP 1 of 1000 and says so', async () => {
    await setSick('sendgrid');
    const decision = await decideStanding(database.pool, 'admin', settings);
    expect(decision.weights).toEqual({ postmark: 999, sendgrid: 1 });
    expect(decision.reason).toContain('sendgrid');
  });

  it('is each account’s own', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    await decideStanding(database.pool, 'admin', settings);
    expect((await decideStanding(database.pool, 'acme', settings)).weights).toEqual({ postmark: 500, sendgrid: 500 });
    expect((await latestDecision(database.pool, 'acme', ''))?.weights).toEqual({ postmark: 500, sendgrid: 500 });
    expect(await accountsWithEvidence(database.pool)).toEqual(['admin']);
  });
});

describe('The decision of a batch', () => {
  it('reads 30 days first, and then what became known since the batch before', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    const first = await decideBatch(database.pool, 'admin', 'spring', settings);
    expect(first).toMatchObject({ window: '30d', batchId: 'spring' });
    expect(first.weights['sendgrid']).toBeGreaterThan(700);

    // Since then it is the other way round, and the batch's own id is not what counts.
    await add([outcomes('sendgrid', bad), outcomes('postmark', { ...good, batchId: 'other' })]);
    const second = await decideBatch(database.pool, 'admin', 'spring', settings);
    expect(second).toMatchObject({ window: 'since-last-batch' });
    expect(second.evidence['sendgrid']).toMatchObject(bad);
    expect(second.evidence['postmark']).toMatchObject(good);
    expect(second.weights['postmark']).toBeGreaterThan(700);
  });

  it('without news since the one before is even: there is no evidence', async () => {
    await add([outcomes('sendgrid', good), outcomes('postmark', bad)]);
    await decideBatch(database.pool, 'admin', 'spring', settings);
    expect((await decideBatch(database.pool, 'admin', 'spring', settings)).weights).toEqual({
      postmark: 500,
      sendgrid: 500,
    });
  });

  it('is each batch id’s own', async () => {
    await decideBatch(database.pool, 'admin', 'spring', settings);
    expect((await decideBatch(database.pool, 'admin', 'summer', settings)).window).toBe('30d');
    expect((await decideBatch(database.pool, 'acme', 'spring', settings)).window).toBe('30d');
  });

  it('can be read again by its number', async () => {
    const decision = await decideBatch(database.pool, 'admin', 'spring', settings);
    expect(await decisionById(database.pool, decision.id)).toEqual(decision);
    expect(await latestDecision(database.pool, 'admin', 'spring')).toEqual(decision);
    expect(await decisionById(database.pool, decision.id + 1_000)).toBeUndefined();
  });
});

describe('Positions of a decision’s counter', () => {
  it('are consecutive and taken once, by however many at a time', async () => {
    const { id } = await decideStanding(database.pool, 'admin', settings);
    const counts = Array.from({ length: 40 }, (_, index) => 1 + (index % 7));
    const firsts = await Promise.all(counts.map((count) => takePositions(database.pool, id, count)));
    const taken = firsts.flatMap((first, index) => Array.from({ length: counts[index] ?? 0 }, (_, n) => first + n));
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect(taken.sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, n) => n));
  });
});
