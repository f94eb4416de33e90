import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { claimsOn } from '../../../consumers/email-send/consumer-claims.ts';
import { heavyContentsFrom } from '../../../consumers/email-send/consumer-content.ts';
import { portsOn } from '../../../consumers/email-send/consumer-ports.ts';
import { emailSend } from '../../../consumers/email-send/consumer.ts';
import type { DeliveryPorts } from '../../../consumers/email-send/deliver-messages.ts';
import { accept } from '../../../producers/ingress/accept.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import { emailRecord, type EmailRequest, type SendRecord } from '../../../shared/contracts/email.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import type { Pool } from '../../../shared/db/connect.ts';
import { decideStanding } from '../../../shared/db/decide-weights.ts';
import { expireLeases, releaseUnknown, takeDueMessages } from '../../../shared/db/due-messages.ts';
import { loadRequests } from '../../../shared/db/requests.ts';
import { runningTotals } from '../../../shared/db/statistics.ts';
import { insertDecision, latestDecision } from '../../../shared/db/weight-decisions.ts';
import { apportion } from '../../../shared/domain/apportion.ts';
import { messageUuid } from '../../../shared/domain/request-ids.ts';
import { unknownWindowMs } from '../../../shared/domain/retry-rules.ts';
import { InfrastructureError } from '../../../shared/errors.ts';
import type { Delivery, DeliveryAnswer, Esp } from '../../../shared/esp/esp.ts';
import type { Incoming } from '../../../shared/runtime/define-consumer.ts';
import { createLog, type Logger } from '../../../shared/runtime/log.ts';
import { createMetrics, type Metrics } from '../../../shared/runtime/metrics.ts';
import { waitFor } from '../../support/wait-for.ts';
import { storedMessage, useDatabase } from '../../shared/db/tables.ts';
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
  const ports = portsOn(
    pool,
    esps,
    { metrics: more.metrics ?? createMetrics('test'), log: more.log ?? silent },
    { roundSeconds: 5, patienceMs: 20_000 },
  );
  const consumer = emailSend({
    lane: 'email-send',
    topic,
    configuredEsps: names,
    claims: claimsOn(pool, 'email-send', { policy: 'rates', esps: names }, content),
    content,
    ports: { ...ports, ...more.ports },
  });
  return (values: readonly SendRecord[], first = 0) =>
    consumer.handleBatch(
      values.map((value, index): Incoming<SendRecord> => ({
        value,
        raw: Buffer.from(JSON.stringify(value)),
        key: undefined,
        headers: {},
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
const weightsAre = async (weights: Readonly<Record<string, number>>): Promise<void> => {
  const decision = await decideStanding(database.pool, 'admin', { policy: 'rates', esps: Object.keys(weights) });
  await insertDecision(database.pool, { ...decision, weights });
};
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
    expect(await runningTotals(database.pool, 'admin')).toMatchObject({
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

  it('of a batch takes one decision, though several processes hold parts of it', async () => {
    const [alpha, beta] = twoEsps();
    const records = recordsOf(request(1_500, { batch: { id: 'spring' } }), 'req_1');
    await Promise.all(records.map((record) => processOf([alpha.esp, beta.esp])([record])));
    const { rows } = await database.pool.query(`select 1 from weight_decisions where batch_id = 'spring'`);
    expect(rows).toHaveLength(1);
    expect(alpha.got.length + beta.got.length).toBe(1_500);
    expect((await latestDecision(database.pool, 'admin', 'spring'))?.window).toBe('30d');
  });

  it('of one recipient stands in the cycle of all such requests', async () => {
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
    expect(await expireLeases(database.pool, unknownWindowMs)).toBe(3);
    expect(await statuses()).toEqual({ unknown: 3 });
  });

  it('whose content every ESP refuses fails with the last one’s words, and keeps those of each', async () => {
    const refusing = (name: string) =>
      espOf(name, () => ({ outcome: 'refused', reason: 'content', code: '400', detail: `${name} does not like it` }));
    const [alpha, beta] = [refusing('alpha'), refusing('beta')];
    await processOf([alpha.esp, beta.esp])(recordsOf(request(6), 'req_1'));
    expect(await statuses()).toEqual({ failed: 6 });
    const { rows } = await database.pool.query(
      `select m.reason = a.error as is_last, a.number, a.state, a.error ~ '^(alpha|beta): \\1 does not like it \\(400\\)$' as is_own
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
      content: { load: () => Promise.reject(new TypeError('loaded')) },
      ports: portsOn(
        database.pool,
        [alpha.esp, beta.esp],
        { metrics: createMetrics('test'), log: silent },
        { roundSeconds: 5, patienceMs: 1 },
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
