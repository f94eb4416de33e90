// Requirement (contract §8, Outcomes): whoever reads email-outcomes, and whoever is called, comes to the last state of every message as
// Postgres has it, although a sender and the consumer of delivery events are killed in the middle; what comes twice has the same id.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { outcomeRecord } from '../../shared/contracts/outcome.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf, steeredEsps } from '../support/fleet-client.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';
import { readTopic } from '../shared/runtime/kafka-world.ts';

const recipients = 3_000;
const told = outcomeRecord.omit({ accountId: true, attempt: true, rank: true });
const call = z.object({ type: z.literal('outcomes'), data: z.array(told) });

let fleet: TestFleet;
const calls: { readonly headers: Record<string, string>; readonly body: string }[] = [];
const read = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString();
};
const endpoint = createServer((request, response) => {
  void read(request).then((body) => {
    calls.push({ headers: request.headers as Record<string, string>, body });
    response.writeHead(204).end();
  });
});
beforeAll(async () => {
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  fleet = await startTestFleet({ env: { WEBHOOK_ALLOW_PRIVATE: '1' } });
  const client = clientOf(fleet);
  for (const esp of steeredEsps) {
    await client.control(esp, { latencyMs: 200, delivered: 0.8, bounced: 0.1, opened: 0 });
  }
}, 120_000);
afterAll(async () => {
  endpoint.closeAllConnections();
  endpoint.close();
  await fleet.stop();
}, 60_000);

/** The state of the highest rank of each message. */
const lastStates = (records: readonly { messageId: string; status: string }[]): ReadonlyMap<string, string> => {
  const ranks = new Map<string, number>(outcomeRecord.shape.status.options.map((status, rank) => [status, rank]));
  const last = new Map<string, string>();
  for (const { messageId, status } of records) {
    const before = last.get(messageId);
    if (before === undefined || (ranks.get(status) ?? 0) > (ranks.get(before) ?? 0)) last.set(messageId, status);
  }
  return last;
};
const asText = (states: ReadonlyMap<string, string>): string =>
  [...states]
    .map(([id, status]) => `${id} ${status}`)
    .sort()
    .join('\n');

test('all hear the last state of every message, and repeats by their ids', async () => {
  const client = clientOf(fleet);
  const made = await fetch(`${fleet.url}/v1/webhooks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${fleet.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ url: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/`, batched: true }),
  });
  const { secret } = z.object({ secret: z.string() }).parse(await made.json());

  const { id } = await client.send(bulkRequest(recipients, { class: 'otp' }));
  await waitFor(async () => (await client.accepted()).length > 300, { what: 'some calls', deadlineMs: 30_000 });
  expect(fleet.kill('email-send-otp', 'SIGKILL')).toBe(true);
  expect(fleet.kill('delivery-events', 'SIGKILL')).toBe(true);
  await client.done(id, 150_000);

  const stored = async (): Promise<string> => {
    const rows = await queryRows<{ id: string; status: string }>(
      fleet.databaseUrl,
      `select 'msg_' || id as id, status from messages`,
    );
    return asText(new Map(rows.map((row) => [row.id, row.status])));
  };
  const topic = fleet.environment['KAFKA_OUTCOME_TOPIC'] ?? '';
  /** All that is on the topic: nothing more has come between two looks. */
  const onKafka = async () => {
    let before = -1;
    const found = await readTopic(topic, ({ length }) => {
      const isAll = length === before && length >= recipients;
      before = length;
      return isAll;
    });
    return found.map(({ value }) => ({ value, record: outcomeRecord.parse(JSON.parse(value)) }));
  };
  const heard = () => calls.flatMap(({ body, headers }) => call.parse(new Webhook(secret).verify(body, headers)).data);
  await waitFor(async () => asText(lastStates(heard())) === (await stored()), {
    what: 'the webhook telling what Postgres has',
    deadlineMs: 60_000,
  });
  const idsOf = (all: readonly { readonly id: string }[]): string =>
    [...new Set(all.map((one) => one.id))].sort().join();
  const records = await waitFor(
    async () => {
      const found = await onKafka();
      const all = found.map(({ record }) => record);
      return asText(lastStates(all)) === (await stored()) && idsOf(all) === idsOf(heard()) && found;
    },
    { what: 'the topic telling what Postgres has, and what the webhook was told', deadlineMs: 60_000 },
  );

  // A repeat is the very same record; and no state of a message is told under two ids but `unknown`, once an attempt.
  const byId = new Map<string, string>();
  for (const { value, record } of records) {
    expect(byId.get(record.id) ?? value).toBe(value);
    byId.set(record.id, value);
  }
  const changes = [...byId.values()].map((value) => outcomeRecord.parse(JSON.parse(value)));
  const settled = changes.filter(({ status }) => status !== 'unknown');
  expect(new Set(settled.map(({ messageId, status }) => `${messageId} ${status}`)).size).toBe(settled.length);
}, 300_000);
