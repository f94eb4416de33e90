// A one-time code reaches its reader while bulk mail waits, over HTTP and gRPC, and nothing but the mail shows it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { bulkRequest, clientOf } from '../support/fleet-client.ts';
import { grpcClientOf } from '../support/grpc-client.ts';
import { queryRows } from '../support/query-rows.ts';
import { waitFor } from '../support/wait-for.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  fleet = await startTestFleet({ env: { OTP_ECHO: '1', OTP_RESEND_SECONDS: '0', LOG_LEVEL: 'trace' } });
  client = clientOf(fleet);
}, 120_000);
afterAll(() => fleet.stop(), 60_000);

const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
  const response = await fetch(`${fleet.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${fleet.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
};
const mailTo = async (email: string) => (await client.accepted()).find((line) => line.email === email);

test('a code overtakes bulk mail, is right once, and stands nowhere but in the mail', async () => {
  for (const esp of ['sendgrid', 'postmark']) await client.control(esp, { latencyMs: 400 });
  const bulk = await client.send(bulkRequest(10_000, { class: 'bulk' }));
  const sent = await post('/v1/otp', { email: 'ann@example.org', language: 'de' });
  const code = String(sent['code']);
  const mail = await waitFor(() => mailTo('ann@example.org'), { what: 'the mail with the code', deadlineMs: 30_000 });
  expect([mail.subject, mail.text?.includes(code)]).toEqual(['Ihr Bestätigungscode', true]);
  expect((await client.status(bulk.id)).status).not.toBe('done');
  expect(await post('/v1/otp/verify', { email: 'ann@example.org', code })).toEqual({ verified: true });
  expect(await post('/v1/otp/verify', { email: 'ann@example.org', code })).toEqual({ verified: false });
  await client.done(String(sent['id']), 30_000);
  const rows = await queryRows<{ row: string }>(
    fleet.databaseUrl,
    `select m::text as row from messages m where request_id = '${String(sent['id'])}'
     union all select r::text from requests r where id = '${String(sent['id'])}' union all select c::text from one_time_codes c`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(3);
  // Six digits can stand in an id or a time by chance; as a word of their own they do not.
  const asWord = new RegExp(`(?<![0-9a-f])${code}(?![0-9a-f])`);
  for (const { row } of rows) expect(row).not.toMatch(asWord);
  expect(readFileSync(join(fleet.environment['MAILFLEET_HOME'] ?? '', 'app.log'), 'utf8')).not.toMatch(asWord);
}, 120_000);

test('mail over gRPC is delivered as it was written', async () => {
  const grpc = grpcClientOf(`127.0.0.1:${fleet.environment['GRPC_PORT'] ?? ''}`);
  const request = { to: 'ben@example.org', subject: 'Hi {{ you }}', body: 'Text with {% braces %} & more' };
  const answer = await grpc.call('mail.MailService', 'SendMail', request, { key: `Bearer ${fleet.adminKey}` });
  grpc.close();
  expect(answer).toEqual({ status: 'SUCCESS' });
  const delivered = await waitFor(() => mailTo('ben@example.org'), { what: 'the mail', deadlineMs: 30_000 });
  expect([delivered.subject, delivered.text?.trim()]).toEqual([request.subject, request.body]);
}, 60_000);
