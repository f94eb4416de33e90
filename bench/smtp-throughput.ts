import pg from 'pg';
import { z } from 'zod';
import { createBenchFleet } from './bench-fleet.ts';
import type { Benchmark, RunResult } from './benchmark.ts';
import { untilReached } from './until.ts';

const recipients = 2_000;
const serverMs = 20;
const connections = 5;
/** What the connections could do if no time went by between two messages. */
const ideal = (connections * 1_000) / serverMs;

const body = JSON.stringify({
  esps: ['smtp'],
  from: 'News <news@acme.example>',
  subject: 'Hello {{name}}',
  text: 'Hi {{name}}, here is what is new.',
  html: '<p>Hi {{name}}, here is what is new.</p>',
  recipients: Array.from({ length: recipients }, (_, index) => ({
    email: `reader${index}@acme.example`,
    substitutions: { name: `Reader ${index}` },
  })),
});

const counts = z.object({
  smtp: z.object({ accepted: z.number(), connections: z.object({ opened: z.number(), open: z.number() }) }),
});

const taken = z.object({ at: z.string() });

/** How well the warm connections to a relay are kept busy. */
export const smtpThroughput: Benchmark = {
  name: 'smtp-throughput',
  what: `One request of ${recipients.toLocaleString('en')} recipients over HTTP to a relay that takes ${serverMs} ms a message over ${connections} connections (at best ${ideal}/s), until all are recorded as sent: one ingress, one email-send.`,
  unit: 'messages/s',
  aim: ideal * 0.9,
  prepare: async ({ stores, onClose }) => {
    const database = await stores.createDatabase('smtp-throughput');
    onClose(() => database.drop());
    const fleet = await createBenchFleet(stores, database.url);
    onClose(await fleet.start(['simulator', 'ingress', 'email-send'], { SMTP_CONNECTIONS: String(connections) }));
    const db = new pg.Pool({ connectionString: database.url, max: 2 });
    onClose(() => db.end());
    const steer = await fetch(`${fleet.simulatorUrl}/control/smtp`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ latencyMs: serverMs, jitterMs: 0 }),
    });
    if (!steer.ok) throw new Error(`the simulator refuses its settings: ${await steer.text()}`);
    const relay = async () => counts.parse(await (await fetch(`${fleet.simulatorUrl}/counts`)).json()).smtp;
    await untilReached(connections, async () => (await relay()).connections.open);

    /** Between the first and the last message of a run: how busy the connections were, without the way to them. */
    const rateAtRelay = async (since: number): Promise<number> => {
      const text = await (await fetch(`${fleet.simulatorUrl}/accepted`)).text();
      const times = text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => Date.parse(taken.parse(JSON.parse(line)).at))
        .filter((at) => at >= since);
      const between = times.reduce((most, at) => Math.max(most, at), 0) - times.reduce((a, b) => Math.min(a, b));
      return ((times.length - 1) * 1_000) / between;
    };

    return async (): Promise<RunResult> => {
      await db.query('truncate messages, attempts, requests, esp_statistics, esp_totals');
      const before = await relay();
      const since = Date.now();
      const startedAt = performance.now();
      const response = await fetch(`${fleet.settings.url}/v1/emails`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${fleet.settings.adminKey}` },
        body,
      });
      if (response.status !== 202) throw new Error(`the request was answered ${response.status}`);
      await untilReached(recipients, async () => {
        const { rows } = await db.query<{ n: string }>('select coalesce(sum(sent), 0) as n from esp_totals');
        return Number(rows[0]?.n ?? 0);
      });
      const seconds = (performance.now() - startedAt) / 1_000;
      const after = await relay();
      if (after.accepted - before.accepted !== recipients) throw new Error('not every message was taken once');
      return {
        rate: recipients / seconds,
        seconds,
        facts: {
          recipients,
          connections,
          handshakes: after.connections.opened - before.connections.opened,
          rateAtRelay: await rateAtRelay(since),
        },
      };
    };
  },
};
