import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decideBatch, decideStanding } from '../../../../shared/db/decide-weights.ts';
import { changeControls } from '../../../../shared/db/esp-controls.ts';
import { addDelays } from '../../../../shared/db/outcome-delays.ts';
import { addStatistics } from '../../../../shared/db/statistics.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { outcomes, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let ingress: TestIngress;
beforeAll(async () => {
  ingress = await testIngress({ pool: database.pool });
});
beforeEach(() => database.pool.query('truncate esp_controls, esp_audit, outcome_delays'));
afterAll(() => ingress.app.close());

interface Cell {
  readonly weight: number;
  readonly score: number;
  readonly sent: number;
  readonly delivered: number;
}
interface Weights {
  readonly esps: readonly (Cell & { readonly esp: string; readonly byProvider: Readonly<Record<string, Cell>> })[];
  readonly providerWeights: Readonly<Record<string, Readonly<Record<string, number>>>>;
}
const get = async (query = ''): Promise<Weights> =>
  (await ingress.app.inject({ method: 'GET', url: `/v1/weights${query}`, headers: withKey })).json<Weights>();
const adaptive = () => ({ ...ingress.weighing, policy: 'adaptive' as const });
const decisions = async (): Promise<number> =>
  Number((await database.pool.query<{ n: string }>('select count(*) as n from weight_decisions')).rows[0]?.n);

/** sendgrid does well at gmail and badly at yahoo, postmark the other way round; gmail has three quarters of the mail. */
const store = async () => {
  const well = { sent: 1_000, delivered: 985, opened: 300, complained: 0 };
  const badly = { sent: 1_000, delivered: 600, bounced: 400, opened: 100, complained: 2 };
  await addStatistics(database.pool, [
    outcomes('sendgrid', 'gmail', { sent: 3_000, delivered: 2_955, opened: 900 }),
    outcomes('postmark', 'gmail', { sent: 3_000, delivered: 1_800, bounced: 1_200, opened: 300, complained: 6 }),
    outcomes('sendgrid', 'yahoo', badly),
    outcomes('postmark', 'yahoo', well),
  ]);
  // Outcomes come within a second, so that what is two hours old is settled.
  const delays = ['sendgrid', 'postmark'].flatMap((esp) => Array.from({ length: 30 }, () => ({ esp, delayMs: 1_000 })));
  await addDelays(database.pool, delays);
  await database.pool.query(`update outcome_delays set since = now() - interval '30 days'`);
};

describe('GET /v1/weights', () => {
  it('shows every number behind a weight, overall and by mailbox provider', async () => {
    await store();
    const decision = await decideStanding(database.pool, 'admin', adaptive());
    const answer = await get();
    expect(answer).toMatchObject({
      id: decision.id,
      window: '30d',
      total: 1_000,
      policy: 'adaptive',
      reason: decision.reason,
      decidedAt: decision.decidedAt.toISOString(),
      providerWeights: decision.providerWeights,
    });
    const sendgrid = answer.esps.find(({ esp }) => esp === 'sendgrid');
    expect(sendgrid).toMatchObject({ weight: decision.weights['sendgrid'], allowance: 'any share', sent: 4_000 });
    expect(sendgrid?.byProvider['gmail']).toEqual({
      weight: decision.providerWeights['gmail']?.['sendgrid'],
      score: decision.basis.scores['gmail']?.['sendgrid'],
      ...{ sent: 3_000, settled: 3_000, delivered: 2_955, opened: 900 },
      ...{ clicked: 0, bounced: 0, complained: 0, catchAll: 0 },
    });
    expect(sendgrid?.byProvider['icloud']).toMatchObject({ sent: 0, delivered: 0 });
  });

  it('shows one mailbox provider where that is asked for', async () => {
    await store();
    const decision = await decideStanding(database.pool, 'admin', adaptive());
    const yahoo = await get('?mailboxProvider=yahoo');
    for (const { esp, weight, score, sent } of yahoo.esps) {
      expect([weight, score, sent]).toEqual([
        decision.providerWeights['yahoo']?.[esp],
        decision.basis.scores['yahoo']?.[esp],
        1_000,
      ]);
    }
  });

  it('shows the decision of a batch where that is asked for', async () => {
    await store();
    const decision = await decideBatch(database.pool, 'admin', 'spring', adaptive(), { gmail: 10 });
    expect(await get('?batchId=spring')).toMatchObject({ id: decision.id, providerWeights: decision.providerWeights });
  });

  it('can show decisions of an older version, which told no mailbox providers apart', async () => {
    await database.pool.query(
      `insert into weight_decisions (account_id, "window", policy, reason, weights, evidence)
       values ('admin', '30d', 'rates', 'as it was', '{"sendgrid": 1000}', '{"sendgrid": {"sent": 5, "delivered": 4}}')`,
    );
    expect(await get()).toMatchObject({
      providerWeights: {},
      esps: [{ esp: 'sendgrid', weight: 1_000, sent: 5, delivered: 4, settled: 0, catchAll: 0, byProvider: {} }],
    });
  });
});

describe('POST /v1/weights/simulate', () => {
  interface Answer {
    readonly policy: string;
    readonly weights: Readonly<Record<string, number>>;
    readonly esps: readonly { readonly esp: string; readonly weight: number; readonly change: number }[];
    readonly expected: { readonly delivered: number; readonly complained: number };
    readonly today: Answer['expected'] & { readonly weights: Readonly<Record<string, number>> };
    readonly reason: string;
    readonly warning?: string;
  }
  const simulate = (payload?: object) =>
    ingress.app.inject({
      method: 'POST',
      url: '/v1/weights/simulate',
      headers: withKey,
      ...(payload === undefined ? {} : { payload }),
    });
  const answerTo = async (payload?: object): Promise<Answer> => (await simulate(payload)).json<Answer>();

  it('answers with what is, when nothing is supposed', async () => {
    await store();
    const { weights } = await decideStanding(database.pool, 'admin', ingress.weighing);
    const answer = await answerTo();
    expect(answer).toMatchObject({ policy: 'rates', weights, today: { weights } });
    expect(answer.esps.map(({ change }) => change)).toEqual([0, 0]);
    expect(answer.expected.delivered).toBe(answer.today.delivered);
  });

  it('tells what a pause would cost, and stores nothing', async () => {
    await store();
    const answer = await answerTo({ without: ['sendgrid'] });
    expect(answer.weights).toEqual({ postmark: 1_000, sendgrid: 0 });
    expect(answer.esps.reduce((sum, { change }) => sum + change, 0)).toBe(0);
    expect(answer.expected.delivered).toBeLessThan(answer.today.delivered);
    expect(answer.expected.complained).toBeGreaterThan(answer.today.complained);
    expect(answer.reason).toMatch(/^Without sendgrid: /);
    expect(answer.warning).toBeUndefined();
    expect(await decisions()).toBe(0);
    expect((await ingress.app.inject({ method: 'GET', url: '/v1/esps', headers: withKey })).body).not.toContain(
      'paused',
    );
  });

  it('answers as the pause itself then does', async () => {
    await store();
    const { weights } = await answerTo({ without: ['sendgrid'] });
    const change = { action: 'pause', accountId: 'admin', reason: null };
    await changeControls(database.pool, 'sendgrid', change, (before) => ({ ...before, mode: 'paused' }));
    expect((await decideStanding(database.pool, 'admin', ingress.weighing)).weights).toEqual(weights);
    expect((await answerTo()).weights).toEqual(weights);
  });

  it('answers for another policy as the fleet would decide by it', async () => {
    await store();
    for (const policy of ['adaptive', 'thompson', 'even'] as const) {
      const answer = await answerTo({ policy });
      const decided = await decideStanding(database.pool, 'admin', { ...ingress.weighing, policy });
      expect(answer).toMatchObject({ policy, weights: decided.weights, providerWeights: decided.providerWeights });
    }
    expect((await answerTo({ policy: 'adaptive' })).expected.delivered).toBeGreaterThan(
      (await answerTo({ policy: 'even' })).expected.delivered,
    );
  });

  it('looks at some ESPs alone, and at some days alone', async () => {
    await store();
    expect(await answerTo({ esps: ['postmark'] })).toMatchObject({
      weights: { postmark: 1_000 },
      esps: [
        { esp: 'postmark', weight: 1_000 },
        { esp: 'sendgrid', weight: 0, score: null },
      ],
    });
    await addStatistics(database.pool, [
      {
        ...outcomes('postmark', 'gmail', { sent: 100_000, delivered: 99_000, opened: 50_000 }),
        minute: new Date(Date.now() - 200_000_000),
      },
    ]);
    const [month, day] = [await answerTo(), await answerTo({ days: 1 })];
    expect(month.weights['postmark']).toBeGreaterThan(day.weights['postmark'] ?? 0);
    expect(day.today.weights).toEqual(month.today.weights);
    expect(day.reason).toContain('Outcomes of the last day (');
  });

  it('warns when nobody would be left for new mail', async () => {
    expect((await answerTo({ without: ['sendgrid', 'postmark'] })).warning).toContain('waits');
  });

  it.each([
    [422, { without: ['ses'] }, '/without/0'],
    [422, { esps: ['sendgrid', 'ses'] }, '/esps/1'],
    [422, { esps: [] }, '/esps'],
    [422, { policy: 'best' }, '/policy'],
    [422, { days: 31 }, '/days'],
    [400, { with: ['ses'] }, '/with'],
  ])('answers %d to %j', async (status, body, pointer) => {
    const answer = await simulate(body);
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ errors: [{ pointer }] });
  });
});
