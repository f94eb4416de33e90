import pg from 'pg';
import { z } from 'zod';
import { webhookEsps } from '../shared/contracts/topics.ts';
import { createBenchFleet } from './bench-fleet.ts';
import type { Benchmark, RunResult } from './benchmark.ts';
import { untilReached } from './until.ts';

const requests = 5;
const recipientsPerRequest = 10_000;
const recipients = requests * recipientsPerRequest;
const latencyMs = 20;
const mailboxes = ['gmail.com', 'outlook.com', 'yahoo.com', 'acme.example', 'globex.example'];

const bodyOf = (request: number, esps: readonly string[]): string =>
  JSON.stringify({
    esps,
    from: 'News <news@acme.example>',
    subject: 'Hello {{name}}',
    text: 'Hi {{name}}, here is what is new.',
    html: '<p>Hi {{name}}, here is what is new.</p>',
    class: 'bulk',
    recipients: Array.from({ length: recipientsPerRequest }, (_, index) => ({
      email: `reader${request}.${index}@${mailboxes[index % mailboxes.length] ?? ''}`,
      substitutions: { name: `Reader ${index}` },
    })),
  });

const accepted = z.object({ id: z.string(), accepted: z.number() });

/** Recipients from an HTTP request to the recorded answer of an ESP. */
export const wholePath: Benchmark = {
  name: 'whole-path',
  what: `${requests} requests of ${recipientsPerRequest.toLocaleString('en')} recipients over HTTP, until all are recorded as sent in Postgres: one ingress, one email-send-bulk, simulated ESP APIs that answer after ${latencyMs} ms and tell nothing.`,
  unit: 'recipients/s',
  aim: 5_000,
  prepare: async ({ stores, onClose }) => {
    const database = await stores.createDatabase('whole-path');
    onClose(() => database.drop());
    const fleet = await createBenchFleet(stores, database.url);
    onClose(await fleet.start(['simulator', 'ingress', 'email-send-bulk']));
    const db = new pg.Pool({ connectionString: database.url, max: 2 });
    onClose(() => db.end());
    // Those whose API the simulator speaks. A relay that takes one mail at a time would be all that is measured.
    const { environment } = fleet.settings;
    const esps = webhookEsps.filter((name) => environment[`${name.toUpperCase()}_BASE_URL`] !== undefined);
    for (const esp of esps) {
      const response = await fetch(`${fleet.simulatorUrl}/control/${esp}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ latencyMs, jitterMs: 0, webhookCopies: 0 }),
      });
      if (!response.ok) throw new Error(`the simulator refuses its settings for ${esp}: ${await response.text()}`);
    }
    const bodies = Array.from({ length: requests }, (_, request) => bodyOf(request, esps));

    const post = async (body: string): Promise<void> => {
      const response = await fetch(`${fleet.settings.url}/v1/emails`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${fleet.settings.adminKey}` },
        body,
      });
      if (response.status !== 202) throw new Error(`a request was answered ${response.status}`);
      if (accepted.parse(await response.json()).accepted !== recipientsPerRequest) throw new Error('too few accepted');
    };
    const sent = async (): Promise<number> => {
      const { rows } = await db.query<{ n: string }>('select coalesce(sum(sent), 0) as n from esp_totals');
      return Number(rows[0]?.n ?? 0);
    };
    const check = async (): Promise<void> => {
      const { rows } = await db.query<{ status: string; n: string }>(
        'select status, count(*) as n from messages group by status',
      );
      if (rows.length !== 1 || rows[0]?.status !== 'sent' || Number(rows[0].n) !== recipients) {
        throw new Error(`not all are recorded as sent once: ${JSON.stringify(rows)}`);
      }
    };

    return async (): Promise<RunResult> => {
      await db.query('truncate messages, attempts, requests, esp_statistics, esp_totals');
      const startedAt = performance.now();
      await Promise.all(bodies.map(post));
      const acceptedAt = performance.now();
      await untilReached(recipients, sent);
      const seconds = (performance.now() - startedAt) / 1_000;
      await check();
      return {
        rate: recipients / seconds,
        seconds,
        facts: { recipients, secondsUntilAccepted: (acceptedAt - startedAt) / 1_000 },
      };
    };
  },
};
