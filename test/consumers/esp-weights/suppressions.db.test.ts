// The ESPs' own lists, read over the providers' wire protocols from the simulator.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { suppressionsTicker } from '../../../consumers/esp-weights/ticker-suppressions.ts';
import { insertAndClaim } from '../../../shared/db/claim-messages.ts';
import { insertRequests } from '../../../shared/db/requests.ts';
import { configuredEsps, suppressionLists } from '../../../shared/esp/accounts.ts';
import type { Delivery, Esp } from '../../../shared/esp/esp.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { aMessage, aRequest, useDatabase } from '../../shared/db/tables.ts';
import { startSimulator, testCredentials as known, type TestSimulator } from '../../simulator/start-simulator.ts';

const database = useDatabase();
let simulator: TestSimulator;
let esps: readonly Esp[];
let settings: Parameters<typeof suppressionLists>[0];
beforeAll(async () => {
  simulator = await startSimulator();
  settings = {
    SENDGRID_API_KEY: known.apiKey,
    SENDGRID_BASE_URL: `${simulator.address}/sendgrid`,
    POSTMARK_SERVER_TOKEN: known.serverToken,
    POSTMARK_BASE_URL: `${simulator.address}/postmark`,
    SPARKPOST_API_KEY: known.sparkpostKey,
    SPARKPOST_BASE_URL: `${simulator.address}/sparkpost`,
    AWS_ACCESS_KEY_ID: known.sesAccessKeyId,
    AWS_SECRET_ACCESS_KEY: 's'.repeat(40),
    SES_BASE_URL: `${simulator.address}/ses`,
  };
  esps = configuredEsps(settings);
});
afterAll(async () => {
  for (const esp of esps) await esp.close();
  await simulator.close();
});
beforeEach(() => simulator.reset());

const read = () => {
  const log = createLog({ name: 'test', level: 'silent' });
  return suppressionsTicker({ pool: database.pool, log, lists: suppressionLists(settings) }, 60_000).tick();
};
const stored = async () => {
  const { rows } = await database.pool.query<{ row: string }>(
    `select concat_ws(' ', account_id, esp, email, reason, scope) as row from suppressions order by 1`,
  );
  return rows.map(({ row }) => row);
};

const sendTo = async (esp: Esp, email: string): Promise<void> => {
  const delivery: Delivery = {
    messageId: `msg_${randomUUID()}`,
    attemptId: `${randomUUID()}.1`,
    to: { email },
    ...{ cc: [], bcc: [], values: {}, metadata: {} },
    content: { from: { email: 'a@acme.example' }, subject: 's', text: 't', headers: {}, tags: [], attachments: [] },
  };
  const [answer] = await esp.send([delivery], { connectTimeoutMs: 2_000, totalTimeoutMs: 10_000 });
  expect(answer?.outcome).toBe('accepted');
};

test('whom an ESP keeps mail from is on the list of every account that has mailed them, and of the fleet', async () => {
  await insertRequests(database.pool, [aRequest('r1', { accountId: 'shop' })]);
  const message = aMessage({ requestId: 'r1', accountId: 'shop', email: 'Gone@sendgrid.example' });
  await insertAndClaim(database.pool, [message], randomUUID());
  for (const esp of esps) {
    await simulator.control(esp.kind, { delivered: 0, bounced: 1, complained: 0, softBounces: 0 });
    await sendTo(esp, `gone@${esp.kind}.example`);
    await simulator.control(esp.kind, { softBounces: 1 });
    await sendTo(esp, `full@${esp.kind}.example`);
    await simulator.control(esp.kind, { delivered: 1, bounced: 0, complained: 1 });
    await sendTo(esp, `angry@${esp.kind}.example`);
  }
  await read();
  const rows = await stored();
  expect(rows).toEqual(
    [
      ...esps.flatMap(({ kind }) => [
        `admin ${kind} angry@${kind}.example complaint promotional`,
        `admin ${kind} gone@${kind}.example hard-bounce all`,
      ]),
      'shop sendgrid gone@sendgrid.example hard-bounce all',
    ].sort(),
  );
  await read();
  expect(await stored()).toEqual(rows);
});

test('a list that cannot be read is told of, keeps its place, and holds up no other', async () => {
  const postmark = esps.find(({ kind }) => kind === 'postmark');
  if (postmark === undefined) throw new Error('no Postmark');
  await simulator.control('postmark', { delivered: 1, bounced: 0, complained: 1 });
  await sendTo(postmark, 'angry@postmark.example');
  await simulator.control('sendgrid', { outage: true });
  await read();
  const { rows } = await database.pool.query(
    `select esp, pulled_at is not null as is_read, last_error from suppression_pulls where esp in ('sendgrid', 'postmark') order by esp`,
  );
  expect(rows).toEqual([
    { esp: 'postmark', is_read: true, last_error: null },
    { esp: 'sendgrid', is_read: false, last_error: 'It answered 503.' },
  ]);
  expect(await stored()).toEqual(['admin postmark angry@postmark.example complaint promotional']);
});
