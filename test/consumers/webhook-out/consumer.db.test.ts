import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { randomBytes, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { createCaller } from '../../../consumers/webhook-out/consumer-caller.ts';
import { createPost } from '../../../consumers/webhook-out/consumer-post.ts';
import { webhookOut } from '../../../consumers/webhook-out/consumer.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import { outcomeRecord, type OutcomeRecord } from '../../../shared/contracts/outcome.ts';
import { topicsOf } from '../../../shared/contracts/topics.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { addCalls, listCalls, purgeWebhookCalls, replayCall, replayFailed } from '../../../shared/db/webhook-calls.ts';
import { changeEndpoint, createEndpoint, loadEndpoint, rotateSecret } from '../../../shared/db/webhook-endpoints.ts';
import { outcomeRecords } from '../../../shared/domain/outcome-records.ts';
import { sealValue } from '../../../shared/domain/sealed-value.ts';
import { makeWebhookSecret } from '../../../shared/domain/webhook-secret.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { aMessage, alterMessage, useDatabase } from '../../shared/db/tables.ts';
import { waitFor } from '../../support/wait-for.ts';

const database = useDatabase();
const secretKey = Buffer.alloc(32, 7);
const topic = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' })).outcomes;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (closers.length > 0) await closers.pop()?.();
});

interface Heard {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly json: { type: string; timestamp: string; data: Record<string, unknown> };
}
/** A real server; `answer` says what it does after it has heard a call, 204 where it says nothing. */
const endpointServer = async (
  answer: (response: ServerResponse) => void = (response) => response.writeHead(204).end(),
) => {
  const heard: Heard[] = [];
  const read = async (request: IncomingMessage): Promise<Heard> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk as Buffer));
    const body = Buffer.concat(chunks).toString();
    return { headers: request.headers as Record<string, string>, body, json: JSON.parse(body) as Heard['json'] };
  };
  const server: Server = createServer((request, response) => {
    void read(request).then((one) => {
      heard.push(one);
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, heard };
};

const hook = async (url: string, more: { batched?: boolean; events?: string[]; accountId?: string } = {}) => {
  const id = `whk_${randomUUID()}`;
  const secret = makeWebhookSecret(randomBytes);
  const sealed = sealValue(secretKey, id, secret, randomBytes(12));
  const accountId = more.accountId ?? 'acme';
  const made = { id, accountId, url, description: '', batched: more.batched ?? false, secret: sealed };
  await createEndpoint(database.pool, { ...made, events: more.events ?? ['sent', 'bounced'] }, 50);
  return { id, accountId, secret };
};
const outcome = async (status: string, accountId = 'acme'): Promise<OutcomeRecord> => {
  const message = aMessage({ accountId });
  await insertAndClaim(database.pool, [message], randomUUID());
  const [record] = outcomeRecords('t', [
    { ...message, status, attempt: 1, at: new Date(1_700_000_000_000), reason: null },
  ]);
  return outcomeRecord.parse(JSON.parse(record?.value ?? ''));
};
const consume = (values: readonly OutcomeRecord[]) =>
  webhookOut({ topic, pool: database.pool }).handleBatch(
    values.map((value, index) => ({
      ...{ value, raw: Buffer.from(''), key: value.messageId, headers: {}, offset: BigInt(index), timestampMs: 0 },
    })),
    { topic: topic.name, partition: 0, cluster: 'c', highWatermark: 1n, signal: new AbortController().signal },
  );
/** Looks for calls until the condition holds. */
const callUntil = async (isDone: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const posting = createPost({
    resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    ...{ allowPrivate: true, timeoutMs: 2_000 },
  });
  const caller = createCaller({
    ...{ pool: database.pool, log: createLog({ name: 'test', level: 'silent' }), metrics: createMetrics('test') },
    ...{ secretKey, post: posting.post, now: () => new Date() },
  });
  await waitFor(
    async () => {
      await caller.ticker.tick();
      return isDone();
    },
    { what, deadlineMs: 10_000 },
  );
  await caller.close();
  posting.close();
};
const logOf = (id: string) => listCalls(database.pool, id, { limit: 100 });
const dueNow = (id: string) =>
  database.pool.query(`update webhook_calls set due_at = now() where endpoint_id = $1 and state = 'due'`, [id]);

describe('Webhooks of accounts', () => {
  it('are called once an event, signed as Standard Webhooks says, whatever is delivered twice', async () => {
    const { url, heard } = await endpointServer();
    const { id, secret } = await hook(url);
    const theirs = await hook(url, { accountId: 'globex' });
    const [sent, other, bounced] = [await outcome('sent'), await outcome('delivered'), await outcome('bounced')];
    await consume([sent, other, bounced]);
    await consume([bounced, sent]);
    await callUntil(() => heard.length >= 2, 'both calls');
    await callUntil(async () => (await logOf(id)).every(({ state }) => state === 'delivered'), 'both being noted');
    expect(heard.map(({ json }) => json.type).sort()).toEqual(['message.bounced', 'message.sent']);
    for (const { headers, body, json } of heard) {
      expect(new Webhook(secret).verify(body, headers)).toEqual(json);
      expect(() => new Webhook(theirs.secret).verify(body, headers)).toThrow();
      expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow();
      expect(headers['webhook-id']).toBe(json.data['id']);
    }
    const told = heard.find(({ json }) => json.type === 'message.sent');
    const { id: eventId, messageId, requestId, email, status, esp, at, reason } = sent;
    expect(told?.json).toEqual({
      ...{ type: 'message.sent', timestamp: at },
      data: { id: eventId, messageId, requestId, email, status, esp, at, reason },
    });
    expect(await logOf(theirs.id)).toEqual([]);
    expect((await logOf(id))[0]?.attempts).toEqual([
      { at: expect.any(String), status: 204, ms: expect.any(Number), error: null, answer: '' },
    ]);
  });

  it('get many events in one call where they want to', async () => {
    const { url, heard } = await endpointServer();
    await hook(url, { batched: true });
    const outcomes = [await outcome('sent'), await outcome('sent'), await outcome('bounced')];
    await consume(outcomes);
    await callUntil(() => heard.length === 1, 'the call');
    expect(heard[0]?.json.type).toBe('outcomes');
    expect(heard[0]?.json.data).toHaveLength(3);
  });

  it('hear no address of a recipient who was erased between the event and the call', async () => {
    const { url, heard } = await endpointServer();
    await hook(url);
    const sent = await outcome('sent');
    await consume([sent]);
    await alterMessage(database.pool, sent.messageId.slice(4), `email = 'erased@erased.invalid'`);
    await callUntil(() => heard.length === 1, 'the call');
    expect(heard[0]?.body).not.toContain(sent.email);
  });

  it('are called with both signatures while an old secret lives, and with the new one alone after that', async () => {
    const { url, heard } = await endpointServer();
    const { id, accountId, secret } = await hook(url);
    const next = makeWebhookSecret(randomBytes);
    await rotateSecret(database.pool, { accountId, id }, sealValue(secretKey, id, next, randomBytes(12)), 24);
    await consume([await outcome('sent')]);
    await callUntil(() => heard.length === 1, 'the first call');
    for (const valid of [secret, next]) {
      expect(new Webhook(valid).verify(heard[0]?.body ?? '', heard[0]?.headers ?? {})).toBeDefined();
    }
    await database.pool.query(`update webhook_endpoints set old_secret_until = now() - interval '1 s'`);
    await consume([await outcome('sent')]);
    await callUntil(() => heard.length === 2, 'the second call');
    expect(new Webhook(next).verify(heard[1]?.body ?? '', heard[1]?.headers ?? {})).toBeDefined();
    expect(() => new Webhook(secret).verify(heard[1]?.body ?? '', heard[1]?.headers ?? {})).toThrow();
  });

  it('are called again with the same id and body after a failure, until the last try, and can be replayed then', async () => {
    const { url, heard } = await endpointServer((response) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`broken\u0000${'x'.repeat(5_000)}`);
    });
    const { id } = await hook(url);
    await consume([await outcome('sent')]);
    for (let tries = 1; tries <= 8; tries += 1) {
      await callUntil(async () => (await logOf(id))[0]?.attempts.length === tries, `try ${tries}`);
      await dueNow(id);
    }
    const [call] = await logOf(id);
    expect(call).toMatchObject({ state: 'failed' });
    expect(call?.attempts[0]).toMatchObject({ status: 500, answer: `broken\uFFFD${'x'.repeat(1_017)}` });
    expect(new Set(heard.map(({ headers, body }) => `${headers['webhook-id'] ?? ''} ${body}`)).size).toBe(1);
    expect(await replayFailed(database.pool, id, new Date(Date.now() + 60_000).toISOString())).toBe(0);
    expect(await replayFailed(database.pool, id, new Date(Date.now() - 60_000).toISOString())).toBe(1);
    await callUntil(() => heard.length === 9, 'the replay');
    expect(await replayCall(database.pool, id, call?.id ?? '')).toBe(true);
    await callUntil(() => heard.length === 10, 'another replay');
  });

  it('wait as long as they ask for', async () => {
    const { url } = await endpointServer((response) => response.writeHead(503, { 'retry-after': '3600' }).end());
    const { id } = await hook(url);
    await consume([await outcome('sent')]);
    await callUntil(async () => (await logOf(id))[0]?.attempts.length === 1, 'the try');
    const [call] = await logOf(id);
    expect((call?.dueAt.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_500_000);
  });

  it('are disabled when they are gone, and say so; once enabled they are called again', async () => {
    let status = 410;
    const { url, heard } = await endpointServer((response) => response.writeHead(status).end());
    const { id, accountId } = await hook(url);
    await consume([await outcome('sent')]);
    await callUntil(async () => (await logOf(id))[0]?.state === 'failed', 'the call');
    expect(await loadEndpoint(database.pool, { accountId, id })).toMatchObject({
      ...{ enabled: false, disabledReason: 'It answered 410: it is gone.', disabledAt: expect.any(Date) },
    });
    await consume([await outcome('sent')]);
    expect(await logOf(id)).toHaveLength(1);
    await changeEndpoint(database.pool, { accountId, id }, { enabled: true });
    status = 200;
    await consume([await outcome('sent')]);
    await callUntil(() => heard.length === 2, 'the call after that');
    expect(await loadEndpoint(database.pool, { accountId, id })).toMatchObject({ enabled: true, disabledReason: null });
  });

  it('are disabled after three days without a success, and one success starts the count anew', async () => {
    let status = 500;
    const { url } = await endpointServer((response) => response.writeHead(status).end());
    const { id, accountId } = await hook(url);
    const failing = async () => (await loadEndpoint(database.pool, { accountId, id }))?.failingSince;
    const since = (days: number) =>
      database.pool.query(`update webhook_endpoints set failing_since = now() - $1 * interval '1 day'`, [days]);
    await consume([await outcome('sent')]);
    await callUntil(async () => (await failing()) instanceof Date, 'the failure being noted');
    await since(2.9);
    status = 200;
    await dueNow(id);
    await callUntil(async () => (await failing()) === null, 'the success being noted');
    status = 500;
    await consume([await outcome('bounced')]);
    await callUntil(async () => (await failing()) instanceof Date, 'another failure');
    await since(3.1);
    await dueNow(id);
    await callUntil(
      async () => (await loadEndpoint(database.pool, { accountId, id }))?.enabled === false,
      'it being disabled',
    );
    expect(await loadEndpoint(database.pool, { accountId, id })).toMatchObject({
      disabledReason: 'No call has succeeded for 3 days.',
    });
  });

  it('that are slow keep only themselves waiting', async () => {
    const slow = await endpointServer(() => undefined);
    const quick = await endpointServer();
    const slowHook = await hook(slow.url);
    await hook(quick.url);
    await consume(await Promise.all(Array.from({ length: 30 }, () => outcome('sent'))));
    await callUntil(() => quick.heard.length === 30, 'all calls of the quick one');
    // Eight at once: none of them has ended within the time of all those.
    expect(slow.heard.length).toBeLessThanOrEqual(16);
    expect((await logOf(slowHook.id)).every(({ state }) => state === 'due')).toBe(true);
  });

  it('are tried with an event that tells nothing, and forget what is old', async () => {
    const { url, heard } = await endpointServer();
    const { id, accountId, secret } = await hook(url);
    await addCalls(database.pool, [
      { id: 'call_t', endpointId: id, accountId, webhookId: 'call_t', type: 'test', events: [] },
    ]);
    await callUntil(async () => (await logOf(id))[0]?.state === 'delivered', 'the call');
    expect(new Webhook(secret).verify(heard[0]?.body ?? '', heard[0]?.headers ?? {})).toMatchObject({ type: 'test' });
    const days = { delivered: 7, other: 30 };
    expect(await purgeWebhookCalls(database.pool, days, 100)).toBe(0);
    await database.pool.query(`update webhook_calls set created_at = now() - interval '8 days'`);
    expect(await purgeWebhookCalls(database.pool, days, 100)).toBe(1);
  });
});
