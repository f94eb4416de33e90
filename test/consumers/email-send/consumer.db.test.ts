import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { claimsOn } from '../../../consumers/email-send/consumer-claims.ts';
import { heavyContentsFrom } from '../../../consumers/email-send/consumer-content.ts';
import { sendersOn } from '../../../consumers/email-send/consumer-senders.ts';
import { templatesOn } from '../../../consumers/email-send/consumer-templates.ts';
import { routingOn } from '../../../consumers/email-send/consumer-routing.ts';
import { noteKeysIn } from '../../../consumers/email-send/consumer-keys.ts';
import { portsOn } from '../../../consumers/email-send/consumer-ports.ts';
import { emailSend } from '../../../consumers/email-send/consumer.ts';
import type { DeliveryPorts } from '../../../consumers/email-send/deliver-messages.ts';
import { accept } from '../../../shared/domain/accept.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import { emailRecord, type EmailRequest, type SendRecord } from '../../../shared/contracts/email.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import type { Pool } from '../../../shared/db/connect.ts';
import { insertAccount } from '../../../shared/db/accounts.ts';
import { decideStanding } from '../../../shared/db/decide-weights.ts';
import { changeControls } from '../../../shared/db/esp-controls.ts';
import { storeHealth } from '../../../shared/db/esp-health.ts';
import type { EspControls } from '../../../shared/db/esp-states.ts';
import { expireLeases, releaseUnknown, takeDueMessages } from '../../../shared/db/due-messages.ts';
import { loadRequests } from '../../../shared/db/requests.ts';
import { insertDecision, latestDecision, type NewDecision } from '../../../shared/db/weight-decisions.ts';
import { apportion } from '../../../shared/domain/apportion.ts';
import { mailboxProviders } from '../../../shared/domain/mailbox-provider.ts';
import { messageUuid } from '../../../shared/domain/request-ids.ts';
import { unknownWindowMs } from '../../../shared/domain/next-attempt.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import type { Delivery, DeliveryAnswer, Esp } from '../../../shared/esp/esp.ts';
import type { Incoming } from '../../../shared/runtime/define-consumer.ts';
import { createLog, type Logger } from '../../../shared/runtime/log.ts';
import { createMetrics, type Metrics } from '../../../shared/runtime/metrics.ts';
import { waitFor } from '../../support/wait-for.ts';
import { weighingOf } from '../../support/weighing.ts';
import { storedMessage, storedTotals, useDatabase } from '../../shared/db/tables.ts';
import { someLimits } from './deliveries.ts';

const database = useDatabase();
const topic = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' })).send['email-send'];
const accepted: DeliveryAnswer = { outcome: 'accepted', providerMessageId: 'p' };
const outage: DeliveryAnswer = { outcome: 'unavailable', reason: 'outage', code: '503', detail: 'down' };
const unknown: DeliveryAnswer = { outcome: 'unknown', code: 'timeout', detail: 'no answer' };

const silent = createLog({ name: 'test', level: 'silent' });

/** An ESP in memory: what it was asked to send, and how it answers. */
const espOf = (name: string, answer: (delivery: Delivery) => DeliveryAnswer = () => accepted) => {
  const got: Delivery[] = [];
  const esp: Esp = {
    name,
    kind: 'smtp',
    limits: someLimits,
    send: (deliveries) => {
      got.push(...deliveries);
      return Promise.resolve(deliveries.map(answer));
    },
    close: () => Promise.resolve(),
  };
  return { esp, got };
};
// A round of a day, so that none ends while a test runs.
const roundSeconds = 86_400;
const twoEsps = () => [espOf('alpha'), espOf('beta')] as const;

/** One process of the lane: claims and ports of its own on the one database. */
const processOf = (
  esps: readonly Esp[],
  more: {
    readonly pool?: Pool;
    readonly ports?: Partial<DeliveryPorts>;
    readonly metrics?: Metrics;
    readonly log?: Logger;
  } = {},
) => {
  const names = esps.map((esp) => esp.name);
  const pool = more.pool ?? database.pool;
  const content = heavyContentsFrom({
    get: () => Promise.resolve(undefined),
    put: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  });
  const weighing = weighingOf('rates', names, roundSeconds);
  const routing = routingOn(pool, weighing);
  const ports = portsOn(
    pool,
    esps,
    { metrics: more.metrics ?? createMetrics('test'), log: more.log ?? silent },
    routing,
    { roundSeconds, patienceMs: 20_000 },
  );
  const consumer = emailSend({
    lane: 'email-send',
    topic,
    configuredEsps: names,
    claims: claimsOn(
      pool,
      'email-send',
      weighing,
      routing,
      content,
      new Set(esps.filter((esp) => esp.knowsRepeats === true).map((esp) => esp.name)),
    ),
    noteKeys: noteKeysIn(pool),
    content,
    senders: sendersOn(pool, Date.now),
    templates: templatesOn(pool),
    ports: { ...ports, ...more.ports },
    gate: routing,
  });
  return (values: readonly SendRecord[], first = 0, headers: Readonly<Record<string, string>> = {}) =>
    consumer.handleBatch(
      values.map((value, index): Incoming<SendRecord> => ({
        value,
        raw: Buffer.from(JSON.stringify(value)),
        key: undefined,
        headers,
        offset: BigInt(first + index),
        timestampMs: 1_700_000_000_000,
      })),
      { topic: topic.name, partition: 0, cluster: 'c', highWatermark: 10_000n, signal: new AbortController().signal },
    );
};

const domains = ['gmail.com', 'outlook.com', 'corp.example'];
const request = (count: number, more: Partial<EmailRequest> = {}): EmailRequest => ({
  from: 'news@acme.example',
  text: 'Hi {{name}}',
  recipients: Array.from({ length: count }, (_, index) => ({ email: `u${index}@${domains[index % 3] ?? ''}` })),
  ...more,
});
const recordsOf = (asked: EmailRequest, requestId: string): SendRecord[] => {
  const acceptance = accept(asked, { accountId: 'admin', requestId });
  if (!acceptance.ok) throw new Error('too large');
  return acceptance.accepted.records.map(({ value }) => emailRecord.parse(JSON.parse(value)));
};
const decisionIs = async (esps: readonly string[], more: Partial<NewDecision>): Promise<void> => {
  const decision = await decideStanding(database.pool, 'admin', weighingOf('rates', esps, roundSeconds));
  await insertDecision(database.pool, { ...decision, ...more });
};
/** Sets the weights of mail to every mailbox provider. */
const weightsAre = (weights: Readonly<Record<string, number>>): Promise<void> =>
  decisionIs(Object.keys(weights), {
    weights,
    providerWeights: Object.fromEntries(mailboxProviders.map((provider) => [provider, weights])),
  });
const isSick = (esp: string) =>
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
const isWell = (esp: string) =>
  database.pool.query(`update esp_health set state = 'healthy', bad_rounds = 0, changed_round = null where esp = $1`, [
    esp,
  ]);
const isIn = (esp: string, mode: EspControls['mode']) =>
  changeControls(database.pool, esp, { action: mode, accountId: 'admin', reason: null }, (before) => ({
    ...before,
    mode,
  }));
const statuses = async (): Promise<Record<string, number>> => {
  const { rows } = await database.pool.query<{ status: string; n: string }>(
    'select status, count(*) as n from messages group by 1',
  );
  return Object.fromEntries(rows.map((row) => [row.status, Number(row.n)]));
};
const idsOf = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ messageId }) => messageId).sort();
const uuidOf = (delivery: Delivery | undefined): string => messageUuid(delivery?.messageId ?? '') ?? '';

describe('A request', () => {
  it('is split exactly by the weights, each recipient once, and remembers its plan', async () => {
    await weightsAre({ alpha: 700, beta: 300 });
    const [alpha, beta] = twoEsps();
    await processOf([alpha.esp, beta.esp])(recordsOf(request(1_003), 'req_1'));
    const split = apportion(1_003, { alpha: 700, beta: 300 });
    expect({ alpha: alpha.got.length, beta: beta.got.length }).toEqual(split);
    expect(new Set(idsOf([...alpha.got, ...beta.got])).size).toBe(1_003);
    expect(await statuses()).toEqual({ sent: 1_003 });
    const stored = (await loadRequests(database.pool, ['req_1'], { withContent: false })).get('req_1');
    expect(stored).toMatchObject({ weights: { alpha: 700, beta: 300 }, split, total: 1_003 });
    expect(await storedTotals(database.pool)).toMatchObject({
      alpha: { sent: split['alpha'] },
      beta: { sent: split['beta'] },
    });
  });

  it('is sent once, although its records come again, in any batch and to any process', async () => {
    const [alpha, beta] = twoEsps();
    const records = recordsOf(request(1_200), 'req_1');
    const [one, other] = [processOf([alpha.esp, beta.esp]), processOf([alpha.esp, beta.esp])];
    await Promise.all([one(records), other([...records].reverse()), one(records.slice(1))]);
    await other(records);
    expect(alpha.got.length + beta.got.length).toBe(1_200);
    expect(new Set(idsOf([...alpha.got, ...beta.got])).size).toBe(1_200);
    expect({ alpha: alpha.got.length, beta: beta.got.length }).toEqual({ alpha: 600, beta: 600 });
    expect(await statuses()).toEqual({ sent: 1_200 });
  });

  it('is one of many of one recipient that make up a batch, which is decided once', async () => {
    const [alpha, beta] = twoEsps();
    const many = Array.from({ length: 60 }, (_, index) =>
      recordsOf(request(1, { batch: { id: 'autumn' } }), `req_${index}`),
    );
    await processOf([alpha.esp, beta.esp])(many.flat());
    const { rows } = await database.pool.query<{ counter: string }>(
      `select counter from weight_decisions where batch_id = 'autumn'`,
    );
    expect(rows).toEqual([{ counter: '60' }]);
  });

  it('of a batch takes one decision, though several processes hold parts of it', async () => {
    const [alpha, beta] = twoEsps();
    const records = recordsOf(request(1_500, { batch: { id: 'spring' } }), 'req_1');
    await Promise.all(records.map((record) => processOf([alpha.esp, beta.esp])([record])));
    const { rows } = await database.pool.query(`select 1 from weight_decisions where batch_id = 'spring'`);
    expect(rows).toHaveLength(1);
    expect(alpha.got.length + beta.got.length).toBe(1_500);
    expect((await latestDecision(database.pool, 'admin', 'spring'))?.window).toBe('30d');
  });

  it('is split at each mailbox provider by its own weights', async () => {
    const [toAlpha, toBeta] = [
      { alpha: 1_000, beta: 0 },
      { alpha: 0, beta: 1_000 },
    ];
    await decisionIs(['alpha', 'beta'], { providerWeights: { gmail: toAlpha, outlook: toBeta, other: toBeta } });
    const [alpha, beta] = twoEsps();
    await processOf([alpha.esp, beta.esp])(recordsOf(request(900), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([300, 600]);
    expect(alpha.got.every(({ to }) => to.email.endsWith('@gmail.com'))).toBe(true);
    const stored = (await loadRequests(database.pool, ['req_1'], { withContent: false })).get('req_1');
    expect(stored).toMatchObject({
      weights: { alpha: 333, beta: 667 },
      split: { alpha: 300, beta: 600 },
      plan: { gmail: { alpha: 300, beta: 0 }, outlook: { alpha: 0, beta: 300 }, other: { alpha: 0, beta: 300 } },
    });
  });

  it('of one recipient follows the weights together with all such requests, whoever sends them', async () => {
    await weightsAre({ alpha: 600, beta: 400 });
    const [alpha, beta] = twoEsps();
    const singles = Array.from({ length: 300 }, (_, index) => recordsOf(request(1), `req_${index}`)).flat();
    const processes = [0, 1, 2].map(() => processOf([alpha.esp, beta.esp]));
    await Promise.all(processes.map((handle, index) => handle(singles.slice(index * 100, index * 100 + 100))));
    expect([alpha.got.length, beta.got.length]).toEqual([180, 120]);
    const { rows } = await database.pool.query('select sum(counter)::int as n from weight_decisions');
    expect(rows).toEqual([{ n: 300 }]);
  });

  it('of one recipient leaves what it owes to the next ones', async () => {
    await weightsAre({ alpha: 600, beta: 400 });
    const [alpha, beta] = twoEsps();
    const handle = processOf([alpha.esp, beta.esp]);
    const singles = Array.from({ length: 100 }, (_, index) => recordsOf(request(1), `req_${index}`)).flat();
    await handle(singles.slice(0, 37));
    await handle(singles.slice(37));
    await handle(singles);
    expect([alpha.got.length, beta.got.length]).toEqual([60, 40]);
  });

  it('goes only through the ESPs it names', async () => {
    const [alpha, beta] = twoEsps();
    await processOf([alpha.esp, beta.esp])(recordsOf(request(10, { esps: ['beta', 'gone'] }), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([0, 10]);
  });

  it('that can never be sent costs no other of its batch', async () => {
    const [alpha, beta] = twoEsps();
    const bad = { from: 'nobody', text: 'x', recipients: [{ email: 'a@b.example' }] };
    const outcomes = await processOf([alpha.esp, beta.esp])([bad, ...recordsOf(request(5), 'req_1')]);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['reject', 'done']);
    expect(await statuses()).toEqual({ sent: 5 });
  });

  it('without an id is the same request when its record comes again', async () => {
    const [alpha, beta] = twoEsps();
    const handle = processOf([alpha.esp, beta.esp]);
    const foreign = { from: 'a@b.example', text: 'x', recipients: [{ email: 'c@d.example' }] };
    await handle([foreign], 7);
    await handle([foreign], 7);
    expect(alpha.got.length + beta.got.length).toBe(1);
    await handle([foreign], 8);
    expect(alpha.got.length + beta.got.length).toBe(2);
  });
});

describe('A message', () => {
  it('goes to the next ESP at once when the first is down, and both attempts are written', async () => {
    const down = espOf('alpha', () => outage);
    const beta = espOf('beta');
    await processOf([down.esp, beta.esp])(recordsOf(request(20), 'req_1'));
    expect(beta.got).toHaveLength(20);
    const { rows } = await database.pool.query(
      `select esp, state, count(*)::int as n from attempts group by 1, 2 order by 1, 2`,
    );
    expect(rows).toEqual([
      { esp: 'alpha', state: 'refused', n: 10 },
      { esp: 'beta', state: 'accepted', n: 20 },
    ]);
    const { rows: rounds } = await database.pool.query(
      'select esp, sum(good)::int as good, sum(bad)::int as bad from esp_rounds group by 1 order by 1',
    );
    expect(rounds).toEqual([
      { esp: 'alpha', good: 0, bad: 10 },
      { esp: 'beta', good: 20, bad: 0 },
    ]);
  });

  it('whose answer was ambiguous waits as unknown, then is sent again, flagged, by a later attempt', async () => {
    const alpha = espOf('alpha', () => unknown);
    const handle = processOf([alpha.esp]);
    await handle(recordsOf(request(1), 'req_1'));
    const id = uuidOf(alpha.got[0]);
    expect(await statuses()).toEqual({ unknown: 1 });
    await handle([{ due: [id] }]);
    expect(alpha.got).toHaveLength(1);
    await database.pool.query(`update messages set due_at = now() - interval '1 s'`);
    await releaseUnknown(database.pool);
    await handle([{ due: (await takeDueMessages(database.pool, 10)).map((row) => row.id) }]);
    expect(alpha.got.map(({ attemptId }) => attemptId)).toEqual([`${id}.1`, `${id}.2`]);
    expect(await storedMessage(database.pool, id)).toMatchObject({ attempt: 2, duplicate_suspected: true });
  });

  it('is not sent again when its process ends between the ESP’s answer and writing it down', async () => {
    const alpha = espOf('alpha');
    const dying = processOf([alpha.esp], {
      ports: { record: () => Promise.reject(new InfrastructureError('postgres-away', 'away')) },
    });
    const records = recordsOf(request(3), 'req_1');
    await expect(dying(records)).rejects.toBeInstanceOf(InfrastructureError);
    await processOf([alpha.esp])(records);
    expect(alpha.got).toHaveLength(3);
    expect(await statuses()).toEqual({ sending: 3 });
    await database.pool.query(`update messages set lease_until = now() - interval '1 s'`);
    expect(await expireLeases(database.pool, unknownWindowMs)).toHaveLength(3);
    expect(await statuses()).toEqual({ unknown: 3 });
  });

  it('whose content every ESP refuses fails with the last one’s words, and keeps those of each', async () => {
    const refusing = (name: string) =>
      espOf(name, () => ({ outcome: 'refused', reason: 'content', code: '400', detail: `${name} does not like it` }));
    const [alpha, beta] = [refusing('alpha'), refusing('beta')];
    await processOf([alpha.esp, beta.esp])(recordsOf(request(6), 'req_1'));
    expect(await statuses()).toEqual({ failed: 6 });
    const { rows } = await database.pool.query(
      `select m.reason = 'Every ESP refused the message for good. ' || a.error as is_last, a.number, a.state, a.error ~ '^(alpha|beta): \\1 does not like it \\(400\\)$' as is_own
       from messages m join attempts a on a.message_id = m.id group by 1, 2, 3, 4 order by number`,
    );
    expect(rows).toEqual([
      { is_last: false, number: 1, state: 'refused', is_own: true },
      { is_last: true, number: 2, state: 'refused', is_own: true },
    ]);
  });

  it.each([
    ['credentials', 'content'],
    ['content', 'credentials'],
  ] as const)('that one ESP refuses for our %s and the next for our %s waits for the one', async (first, second) => {
    const refusing = (name: string, reason: 'credentials' | 'content') =>
      espOf(name, () => ({ outcome: 'refused', reason, code: '4', detail: 'no' }));
    await weightsAre({ alpha: 1_000, beta: 0 });
    await processOf([refusing('alpha', first).esp, refusing('beta', second).esp])(recordsOf(request(2), 'req_1'));
    expect(await statuses()).toEqual({ queued: 2 });
  });

  it('that meets refused credentials goes elsewhere, and an operator is told without an address', async () => {
    const metrics = createMetrics('test');
    const folder = mkdtempSync(join(tmpdir(), 'mailfleet-credentials-'));
    const file = join(folder, 'log');
    const log = createLog({ name: 'test', level: 'info', file });
    const alpha = espOf('alpha', ({ to }) =>
      to.email.startsWith('u0@')
        ? { outcome: 'refused', reason: 'credentials', code: '401', detail: `no key for ${to.email}` }
        : outage,
    );
    const beta = espOf('beta');
    await weightsAre({ alpha: 1_000, beta: 0 });
    await processOf([alpha.esp, beta.esp], { metrics, log })(recordsOf(request(6), 'req_1'));
    expect(await statuses()).toEqual({ sent: 6 });
    expect(await metrics.render()).toContain('mailfleet_esp_credentials_refused_total{esp="alpha",process="test"} 1');
    const { rows } = await database.pool.query(`select fatal::int, last_error from esp_rounds where esp = 'alpha'`);
    expect(rows).toEqual([{ fatal: 1, last_error: 'alpha: no key for [address] (401)' }]);
    const text = await waitFor(
      () => {
        const written = existsSync(file) ? readFileSync(file, 'utf8') : '';
        return written.includes('refuses') ? written : undefined;
      },
      { what: 'the log being written' },
    );
    rmSync(folder, { recursive: true });
    expect(JSON.parse(text)).toMatchObject({
      level: 'error',
      esp: 'alpha',
      code: '401',
      detail: 'no key for [address]',
    });
  });

  it('that is due later is sent then, by the ESP of its split', async () => {
    const [alpha, beta] = twoEsps();
    const handle = processOf([alpha.esp, beta.esp]);
    await handle(recordsOf(request(10, { sendAt: new Date(Date.now() + 3_600_000).toISOString() }), 'req_1'));
    expect(await statuses()).toEqual({ scheduled: 10 });
    await database.pool.query(`update messages set due_at = now() - interval '1 s'`);
    const due = (await takeDueMessages(database.pool, 100)).map((row) => row.id);
    await handle([{ due }]);
    await handle([{ due }]);
    expect([alpha.got.length, beta.got.length]).toEqual([5, 5]);
    expect(await statuses()).toEqual({ sent: 10 });
  });

  it('that waited begins its next attempt with an ESP that did not have the last one', async () => {
    const answers = { alpha: outage as DeliveryAnswer, beta: outage as DeliveryAnswer };
    const alpha = espOf('alpha', () => answers.alpha);
    const beta = espOf('beta', () => answers.beta);
    const handle = processOf([alpha.esp, beta.esp]);
    await handle(recordsOf(request(1), 'req_1'));
    expect(await statuses()).toEqual({ queued: 1 });
    const id = uuidOf(alpha.got[0]);
    const last = (await storedMessage(database.pool, id)).esp;
    answers.alpha = answers.beta = accepted;
    await database.pool.query(`update messages set due_at = now() - interval '1 s'`);
    await handle([{ due: [id] }]);
    const stored = await storedMessage(database.pool, id);
    expect(stored).toMatchObject({ status: 'sent', attempt: 3 });
    expect(stored.esp).not.toBe(last);
  });

  it('that is due and can never be sent fails alone: the others of its record are sent', async () => {
    const [alpha, beta] = twoEsps();
    const handle = processOf([alpha.esp, beta.esp]);
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    const strict = { ...request(1, { text: 'Hi {{missing}}', strictVariables: true, sendAt }), id: 'req_strict' };
    const elsewhere = recordsOf(request(1, { esps: ['beta'], sendAt }), 'req_gone');
    await handle([strict, ...elsewhere, ...recordsOf(request(4, { sendAt }), 'req_good')]);
    await database.pool.query(`update messages set due_at = now() - interval '1 s'`);
    const due = (await takeDueMessages(database.pool, 100)).map((row) => row.id);
    expect(due).toHaveLength(6);
    // By now beta is configured no more.
    const outcomes = await processOf([alpha.esp])([{ due }]);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['done']);
    expect(await statuses()).toEqual({ sent: 4, failed: 2 });
    const { rows } = await database.pool.query<{ reason: string }>(
      `select reason from messages where status = 'failed' order by 1`,
    );
    expect(rows.map((row) => row.reason)).toEqual([
      expect.stringContaining('ESPs'),
      expect.stringContaining('missing'),
    ]);
  });

  it('of a partition that was taken away stays on the topic', async () => {
    const [alpha, beta] = twoEsps();
    const consumer = emailSend({
      lane: 'email-send',
      topic,
      configuredEsps: ['alpha'],
      claims: {
        claimNew: () => Promise.reject(new TypeError('claimed')),
        claimDue: () => Promise.reject(new TypeError('claimed')),
      },
      noteKeys: () => Promise.resolve([]),
      content: { load: () => Promise.reject(new TypeError('loaded')) },
      senders: sendersOn(database.pool, Date.now),
      templates: templatesOn(database.pool),
      ports: portsOn(
        database.pool,
        [alpha.esp, beta.esp],
        { metrics: createMetrics('test'), log: silent },
        { latest: () => ({}), limitsOf: () => undefined },
        { roundSeconds, patienceMs: 1 },
      ),
    });
    const [value] = recordsOf(request(1), 'req_1');
    if (value === undefined) throw new Error('no record');
    const record: Incoming<SendRecord> = {
      value,
      raw: Buffer.alloc(0),
      key: undefined,
      headers: {},
      offset: 0n,
      timestampMs: 0,
    };
    const context = { topic: topic.name, partition: 0, cluster: 'c', highWatermark: 1n, signal: AbortSignal.abort() };
    await expect(consumer.handleBatch([record], context)).rejects.toMatchObject({
      code: 'partition-lost',
      retryable: true,
    });
  });
});

describe('An ESP that is sick', () => {
  const dueNow = async (): Promise<SendRecord> => {
    await database.pool.query(`update messages set due_at = now() - interval '1 s' where status = 'queued'`);
    return { due: (await takeDueMessages(database.pool, 1_000)).map((row) => row.id) };
  };

  it('gets one message of a request in a round, and what it refuses goes to the next', async () => {
    await isSick('alpha');
    const alpha = espOf('alpha', () => outage);
    const beta = espOf('beta');
    await processOf([alpha.esp, beta.esp])(recordsOf(request(100), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([1, 100]);
    expect(idsOf(beta.got)).toContain(alpha.got[0]?.messageId);
    expect(await statuses()).toEqual({ sent: 100 });
    const stored = (await loadRequests(database.pool, ['req_1'], { withContent: false })).get('req_1');
    expect(stored).toMatchObject({ weights: { alpha: 0, beta: 1_000 }, split: { alpha: 0, beta: 100 } });
    // The one answer that was asked for is what its health is judged by.
    const { rows } = await database.pool.query(`select good::int, bad::int from esp_rounds where esp = 'alpha'`);
    expect(rows).toEqual([{ good: 0, bad: 1 }]);
  });

  it('gets that one message from the whole fleet, and the next in the next round', async () => {
    await isSick('alpha');
    const [alpha, beta] = twoEsps();
    const send = (from: number) =>
      Promise.all(
        Array.from({ length: 6 }, (_, index) =>
          processOf([alpha.esp, beta.esp])(recordsOf(request(20), `req_${from + index}`)),
        ),
      );
    await send(0);
    expect([alpha.got.length, beta.got.length]).toEqual([1, 119]);
    await database.pool.query('update esp_health set probe_round = probe_round - 1');
    await send(10);
    expect([alpha.got.length, beta.got.length]).toEqual([2, 238]);
  });

  it('is tried with no message that must not be sent twice', async () => {
    await isSick('alpha');
    const [alpha, beta] = twoEsps();
    const handle = processOf([alpha.esp, beta.esp]);
    await handle(recordsOf(request(20, { policy: 'at-most-once' }), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([0, 20]);
    await handle(recordsOf(request(20), 'req_2'));
    expect(alpha.got).toHaveLength(1);
  });

  it('gets nothing of what the others refuse: it waits', async () => {
    await isSick('alpha');
    const alpha = espOf('alpha');
    const beta = espOf('beta', () => outage);
    await processOf([alpha.esp, beta.esp])(recordsOf(request(30), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([1, 29]);
    expect(await statuses()).toEqual({ sent: 1, queued: 29 });
  });

  it('lets a request that may use no other wait for it, whatever its calls would have said', async () => {
    await isSick('alpha');
    const [alpha, beta] = twoEsps();
    await processOf([alpha.esp, beta.esp])(recordsOf(request(10, { esps: ['alpha'] }), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([1, 0]);
    expect(await statuses()).toEqual({ sent: 1, queued: 9 });
    const { rows } = await database.pool.query(
      `select count(*)::int as n from messages where status = 'queued' and due_at > now()`,
    );
    expect(rows).toEqual([{ n: 9 }]);
    // Calls that were not made say nothing of its health.
    const { rows: rounds } = await database.pool.query('select esp, good::int, bad::int from esp_rounds');
    expect(rounds).toEqual([{ esp: 'alpha', good: 1, bad: 0 }]);
    await isWell('alpha');
    await processOf([alpha.esp, beta.esp])([await dueNow()]);
    expect([alpha.got.length, beta.got.length]).toEqual([10, 0]);
    expect(await statuses()).toEqual({ sent: 10 });
  });

  it('may yet take what the only well one refuses for good', async () => {
    await isSick('alpha');
    const alpha = espOf('alpha');
    const beta = espOf('beta', () => ({ outcome: 'refused', reason: 'content', code: '400', detail: 'no' }));
    await processOf([alpha.esp, beta.esp])(recordsOf(request(5, { policy: 'at-most-once' }), 'req_1'));
    expect(await statuses()).toEqual({ queued: 5 });
    await isWell('alpha');
    await processOf([alpha.esp, beta.esp])([await dueNow()]);
    expect(await statuses()).toEqual({ sent: 5 });
    expect(alpha.got).toHaveLength(5);
  });

  it('gets one message a round when all are sick; the rest waits on its topic', async () => {
    await isSick('alpha');
    await isSick('beta');
    const [alpha, beta] = [espOf('alpha', () => outage), espOf('beta', () => outage)];
    const handle = processOf([alpha.esp, beta.esp]);
    const waiting = Array.from({ length: 20 }, (_, index) => recordsOf(request(1), `req_${index}`)).flat();
    await expect(handle(waiting)).rejects.toMatchObject({ code: 'no-esp', retryable: true });
    expect(alpha.got.length + beta.got.length).toBeLessThanOrEqual(2);
    expect(alpha.got.length + beta.got.length).toBeGreaterThan(0);
    await expect(handle(waiting)).rejects.toMatchObject({ code: 'no-esp' });
    const { rows } = await database.pool.query<{ n: number }>('select count(*)::int as n from messages');
    expect(rows[0]?.n).toBeLessThanOrEqual(2);
  });

  it('is tried with another message when the first ones cannot be had, though they stand before all others', async () => {
    const [alpha, beta] = [espOf('alpha', () => outage), espOf('beta', () => outage)];
    const handle = processOf([alpha.esp, beta.esp]);
    await handle(recordsOf(request(3), 'req_1'));
    const calls = alpha.got.length + beta.got.length;
    const { rows } = await database.pool.query<{ id: string }>('select id from messages order by id');
    const [first, second, third] = rows.map(({ id }) => id);
    await database.pool.query(
      `update messages set due_at = now() + case when id = $1 then interval '-1 s' else interval '1 hour' end`,
      [third],
    );
    await isSick('alpha');
    await isSick('beta');
    const due: SendRecord = { due: [first ?? '', second ?? '', third ?? ''] };
    const shut = processOf([alpha.esp, beta.esp]);
    await expect(shut([due])).rejects.toMatchObject({ code: 'no-esp' });
    expect(alpha.got.length + beta.got.length).toBe(calls);
    await expect(shut([due])).rejects.toMatchObject({ code: 'no-esp' });
    expect(alpha.got.length + beta.got.length).toBeGreaterThan(calls);
  });

  it('is used when nobody is well and its last probe was taken', async () => {
    await isSick('alpha');
    await isSick('beta');
    await database.pool.query(`update esp_health set good_rounds = 1, bad_rounds = 0 where esp = 'beta'`);
    const [alpha, beta] = [espOf('alpha', () => outage), espOf('beta')];
    await processOf([alpha.esp, beta.esp])(recordsOf(request(10), 'req_1'));
    expect(await statuses()).toEqual({ sent: 10 });
    expect(beta.got.length).toBe(10);
  });
});

describe('An ESP that knows its repeats', () => {
  const knowing = (answer?: (delivery: Delivery) => DeliveryAnswer) => {
    const calls: (readonly Delivery[])[] = [];
    const { esp } = espOf('alpha', answer);
    const limits = { ...someLimits, oneContentPerCall: true };
    const noting: Esp = {
      ...esp,
      limits,
      knowsRepeats: true,
      send: (deliveries, options) => {
        calls.push(deliveries);
        return esp.send(deliveries, options);
      },
    };
    return { esp: noting, calls };
  };
  const dies = { record: () => Promise.reject(new InfrastructureError('postgres-away', 'away')) };
  const releaseAll = async (): Promise<SendRecord[]> => {
    await database.pool.query(`update messages set lease_until = now() - interval '1 s' where status = 'sending'`);
    await expireLeases(database.pool, unknownWindowMs);
    await database.pool.query(`update messages set due_at = now() - interval '1 s' where status = 'unknown'`);
    await releaseUnknown(database.pool);
    const due = await takeDueMessages(database.pool, 1_000);
    return due.map(({ id }) => ({ due: [id] }));
  };
  const flagged = async (): Promise<number> => {
    const { rows } = await database.pool.query<{ n: number }>(
      'select count(*)::int as n from messages where duplicate_suspected',
    );
    return rows[0]?.n ?? 0;
  };

  it.each([1, 250])('gets the same call again after a process died in it: %d recipients', async (recipients) => {
    const alpha = knowing();
    const beta = espOf('beta');
    const asked = recordsOf(request(recipients, { esps: ['alpha'] }), 'req_1');
    await expect(processOf([alpha.esp, beta.esp], { ports: dies })(asked)).rejects.toMatchObject({
      code: 'postgres-away',
    });
    await waitFor(() => alpha.calls.length === Math.ceil(recipients / someLimits.deliveriesPerCall), {
      what: 'every call of it having been made',
    });
    const before = alpha.calls.map((call) => call.map(({ attemptId, to }) => [attemptId, to.email]));
    alpha.calls.length = 0;
    // Its messages come back in any order, over several records.
    const due = await releaseAll();
    expect(due).toHaveLength(recipients);
    await processOf([alpha.esp, beta.esp])(due);
    const again = alpha.calls.map((call) => call.map(({ attemptId, to }) => [attemptId, to.email]));
    expect(new Set(again.map((call) => JSON.stringify(call)))).toEqual(
      new Set(before.map((call) => JSON.stringify(call))),
    );
    expect(await statuses()).toEqual({ sent: recipients });
    expect([beta.got.length, await flagged()]).toEqual([0, 0]);
  });

  it('gives its mail to others, flagged, when its repeats are not answered either', async () => {
    const alpha = knowing(() => unknown);
    const beta = espOf('beta');
    const handle = processOf([alpha.esp, beta.esp]);
    await weightsAre({ alpha: 1_000, beta: 0 });
    await handle(recordsOf(request(3), 'req_1'));
    for (let round = 0; round < 3; round += 1) await handle(await releaseAll());
    expect(alpha.calls).toHaveLength(3);
    expect(await statuses()).toEqual({ sent: 3 });
    expect([beta.got.length, await flagged()]).toEqual([3, 3]);
  });

  it('is not asked twice with a one-time code: that goes elsewhere at once', async () => {
    const alpha = knowing(() => unknown);
    const beta = espOf('beta');
    const handle = processOf([alpha.esp, beta.esp]);
    await weightsAre({ alpha: 1_000, beta: 0 });
    await handle(recordsOf(request(1, { class: 'otp' }), 'req_1'));
    await handle(await releaseAll());
    expect([alpha.calls.length, beta.got.length, await flagged()]).toEqual([1, 1, 1]);
  });
});

describe('An ESP that an operator', () => {
  it('has paused gets nothing, not even what the others refuse', async () => {
    await isIn('alpha', 'paused');
    const alpha = espOf('alpha');
    const beta = espOf('beta', () => outage);
    await processOf([alpha.esp, beta.esp])(recordsOf(request(100), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([0, 100]);
    expect(await statuses()).toEqual({ queued: 100 });
  });

  it('has paused lets a request that may use no other wait', async () => {
    await isIn('alpha', 'paused');
    const [alpha, beta] = twoEsps();
    await processOf([alpha.esp, beta.esp])(recordsOf(request(3, { esps: ['alpha'] }), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([0, 0]);
    expect(await statuses()).toEqual({ queued: 3 });
  });

  it('lets drain still sends what it was planned for, and nothing new', async () => {
    const [alpha, beta] = twoEsps();
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    await processOf([alpha.esp, beta.esp])(recordsOf(request(10, { sendAt }), 'req_1'));
    await isIn('alpha', 'draining');
    const handle = processOf([alpha.esp, beta.esp]);
    await database.pool.query(`update messages set due_at = now() - interval '1 s'`);
    await handle([{ due: (await takeDueMessages(database.pool, 100)).map((row) => row.id) }]);
    expect([alpha.got.length, beta.got.length]).toEqual([5, 5]);
    await database.pool.transaction((db) =>
      decideStanding(db, 'admin', weighingOf('rates', ['alpha', 'beta'], roundSeconds)),
    );
    await processOf([alpha.esp, beta.esp])(recordsOf(request(10), 'req_2'));
    expect([alpha.got.length, beta.got.length]).toEqual([5, 15]);
  });
});

describe('A message whose planned ESP fell ill after the decision', () => {
  it('goes through another, and its row and its attempt say which', async () => {
    await weightsAre({ alpha: 1_000, beta: 0 });
    await isIn('alpha', 'paused');
    const [alpha, beta] = twoEsps();
    await processOf([alpha.esp, beta.esp])(recordsOf(request(4), 'req_1'));
    expect([alpha.got.length, beta.got.length]).toEqual([0, 4]);
    const { rows } = await database.pool.query(
      `select m.esp, a.esp as asked, count(*)::int as n from messages m join attempts a on a.message_id = m.id group by 1, 2`,
    );
    expect(rows).toEqual([{ esp: 'beta', asked: 'beta', n: 4 }]);
    expect(await storedTotals(database.pool)).toMatchObject({ beta: { sent: 4 } });
  });

  it('keeps its place in the split when its time is yet to come', async () => {
    await weightsAre({ alpha: 1_000, beta: 0 });
    await isIn('alpha', 'paused');
    const [alpha, beta] = twoEsps();
    const sendAt = new Date(Date.now() + 3_600_000).toISOString();
    await processOf([alpha.esp, beta.esp])(recordsOf(request(4, { sendAt }), 'req_1'));
    const { rows } = await database.pool.query('select distinct esp, status from messages');
    expect(rows).toEqual([{ esp: 'alpha', status: 'scheduled' }]);
  });
});

describe('A record with an idempotency key', () => {
  const key = { 'idempotency-key': 'order-7' };
  const kindsOf = (outcomes: readonly { readonly kind: string }[]): string[] => outcomes.map(({ kind }) => kind);
  const sentTo = async (): Promise<string[]> => {
    const { rows } = await database.pool.query<{ email: string }>('select email from messages order by email');
    return rows.map(({ email }) => email);
  };
  const toOne = (email: string): EmailRequest => ({ from: 'a@acme.example', text: 'x', recipients: [{ email }] });

  it('is one request, at however many offsets it lies', async () => {
    const send = processOf(twoEsps().map(({ esp }) => esp));
    expect(kindsOf(await send([toOne('ann@example.org'), toOne('ann@example.org')], 0, key))).toEqual(['done', 'done']);
    expect(kindsOf(await send([toOne('ann@example.org')], 9, { 'Idempotency-Key': 'order-7' }))).toEqual(['done']);
    expect(await sentTo()).toEqual(['ann@example.org']);
    expect(kindsOf(await send([toOne('ann@example.org')], 10, { 'idempotency-key': 'order-8' }))).toEqual(['done']);
    expect(await sentTo()).toEqual(['ann@example.org', 'ann@example.org']);
  });

  it('goes to the dead letters with another body, while those beside it are sent', async () => {
    const send = processOf(twoEsps().map(({ esp }) => esp));
    const outcomes = await send([toOne('ann@example.org'), toOne('ben@example.org')], 0, key);
    expect(outcomes).toEqual([
      expect.objectContaining({ kind: 'done' }),
      expect.objectContaining({ kind: 'reject', code: 'idempotency-key-reused' }),
    ]);
    expect(await sentTo()).toEqual(['ann@example.org']);
  });

  it('of more than 256 characters goes to the dead letters', async () => {
    const send = processOf(twoEsps().map(({ esp }) => esp));
    expect(await send([toOne('ann@example.org')], 0, { 'idempotency-key': 'k'.repeat(257) })).toEqual([
      expect.objectContaining({ kind: 'reject', code: 'bad-idempotency-key' }),
    ]);
    expect(await sentTo()).toEqual([]);
  });

  it('and an id of its own goes by its id', async () => {
    const send = processOf(twoEsps().map(({ esp }) => esp));
    const withId = (id: string): SendRecord => ({ ...toOne('ann@example.org'), id });
    expect(kindsOf(await send([withId('a'), withId('b'), withId('a')], 0, key))).toEqual(['done', 'done', 'done']);
    expect(await sentTo()).toHaveLength(2);
  });
});

describe('A record of an account', () => {
  it('never gets into another account’s request of the same id, stored before or in the same batch', async () => {
    for (const id of ['acme', 'globex']) {
      await insertAccount(database.pool, { id, name: id, senderDomains: [`${id}.example`], limits: {} });
    }
    const alpha = espOf('alpha');
    const record = (accountId: string, id: string, count: number): SendRecord => ({
      ...request(count),
      ...{ accountId, id, from: `news@${accountId}.example` },
    });
    const kinds = async (records: readonly SendRecord[], first: number) =>
      (await processOf([alpha.esp])(records, first)).map((outcome) =>
        outcome.kind === 'reject' ? outcome.code : outcome.kind,
      );
    expect(await kinds([record('acme', 'order-7', 2), record('acme', 'order-8', 1)], 0)).toEqual(['done', 'done']);
    expect(
      await kinds([record('globex', 'order-7', 5), record('globex', 'order-8', 1), record('acme', 'order-7', 2)], 10),
    ).toEqual(['id-taken', 'id-taken', 'done']);
    const both = await kinds([record('acme', 'order-9', 1), record('globex', 'order-9', 1)], 20);
    expect([...both].sort()).toEqual(['done', 'id-taken']);
    expect(alpha.got).toHaveLength(4);
    const { rows } = await database.pool.query<{ n: string }>('select count(*) as n from messages');
    expect(rows[0]?.n).toBe('4');
  });

  it('goes out from a domain of the account alone; others go to the dead letters, each with its code', async () => {
    await database.pool.query(`delete from accounts where id <> 'admin'`);
    await insertAccount(database.pool, {
      ...{ id: 'acme', name: 'Acme', senderDomains: ['acme.example', '*.acme.example'], limits: {} },
    });
    const alpha = espOf('alpha');
    const record = (accountId: string | undefined, from: string): SendRecord => ({
      ...request(1),
      ...(accountId === undefined ? {} : { accountId }),
      from,
    });
    const outcomes = await processOf([alpha.esp])([
      record('acme', 'News <news@ACME.example>'),
      record('acme', 'news@mail.acme.example'),
      record('acme', 'news@globex.example'),
      record('nobody', 'news@acme.example'),
      record(undefined, 'news@anything.org'),
      record('admin', 'news@anything.org'),
      record('acme', 'nobody'),
    ]);
    expect(outcomes.map((outcome) => (outcome.kind === 'reject' ? outcome.code : outcome.kind))).toEqual([
      ...['done', 'done', 'sender-domain', 'unknown-account', 'done', 'done', 'bad-request'],
    ]);
    expect(alpha.got).toHaveLength(4);
  });
});
