import pg from 'pg';
import { z } from 'zod';
import { setTimeout as sleep } from 'node:timers/promises';
import { webhookEsps } from '../shared/contracts/topics.ts';
import { createBenchFleet } from './bench-fleet.ts';
import type { Benchmark, RunResult } from './benchmark.ts';
import { untilReached } from './until.ts';

const bulkRequests = 10;
const recipientsPerRequest = 10_000;
const codes = 200;
const codesEveryMs = 50;
const latencyMs = 20;

const accepted = z.object({ at: z.string(), email: z.string() });
const sent = z.object({ id: z.string() });

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN;

/** How long a one-time code takes to an ESP while bulk mail waits. Less is better. */
export const codeLatency: Benchmark = {
  name: 'code-latency',
  what: `${codes} one-time codes over HTTP, one every ${codesEveryMs} ms, until an ESP that answers after ${latencyMs} ms has taken each, while ${bulkRequests * recipientsPerRequest} bulk messages wait: one ingress, email-send-bulk, email-send-otp.`,
  unit: 'ms p95, less is better',
  prepare: async ({ stores, onClose }) => {
    const database = await stores.createDatabase('code-latency');
    onClose(() => database.drop());
    const fleet = await createBenchFleet(stores, database.url);
    const env = { OTP_RESEND_SECONDS: '0', OTP_MAX_PER_HOUR: '0' };
    onClose(await fleet.start(['simulator', 'ingress', 'email-send-bulk', 'email-send-otp'], env));
    const db = new pg.Pool({ connectionString: database.url, max: 2 });
    onClose(() => db.end());
    for (const esp of webhookEsps) {
      await fetch(`${fleet.simulatorUrl}/control/${esp}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ latencyMs, jitterMs: 0, webhookCopies: 0 }),
      });
    }
    const { url, adminKey } = fleet.settings;
    const post = async (path: string, body: object): Promise<unknown> => {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${adminKey}` },
        body: JSON.stringify(body),
      });
      if (response.status !== 202) throw new Error(`answered ${response.status}: ${await response.text()}`);
      return response.json();
    };
    const bulk = (request: number) => ({
      from: 'News <news@acme.example>',
      subject: 'News',
      text: 'Hi {{name}}',
      class: 'bulk',
      recipients: Array.from({ length: recipientsPerRequest }, (_, index) => ({
        email: `bulk${request}.${index}@acme.example`,
        substitutions: { name: `R${index}` },
      })),
    });
    const recorded = async (): Promise<number> => {
      const { rows } = await db.query<{ n: string }>(`select count(*) as n from messages where status = 'sent'`);
      return Number(rows[0]?.n ?? 0);
    };

    return async (): Promise<RunResult> => {
      await fetch(`${fleet.simulatorUrl}/reset`, { method: 'POST' });
      await db.query('truncate messages, attempts, requests, esp_statistics, esp_totals, one_time_codes');
      const startedAt = performance.now();
      await Promise.all(Array.from({ length: bulkRequests }, (_, request) => post('/v1/emails', bulk(request))));
      const askedAt = new Map<string, number>();
      const answers: Promise<unknown>[] = [];
      for (let n = 0; n < codes; n += 1) {
        const email = `code${n}@example.org`;
        askedAt.set(email, Date.now());
        answers.push(post('/v1/otp', { email }).then((answer) => sent.parse(answer)));
        await sleep(codesEveryMs);
      }
      await Promise.all(answers);
      const waiting = bulkRequests * recipientsPerRequest - (await recorded());
      const times = async (): Promise<number[]> => {
        const text = await (await fetch(`${fleet.simulatorUrl}/accepted`)).text();
        return text.split('\n').flatMap((line) => {
          const found = line.includes('"code') ? accepted.parse(JSON.parse(line)) : undefined;
          const asked = found === undefined ? undefined : askedAt.get(found.email);
          return found === undefined || asked === undefined ? [] : [Date.parse(found.at) - asked];
        });
      };
      await untilReached(codes, async () => (await times()).length, undefined, { everyMs: 500 });
      const sorted = (await times()).sort((a, b) => a - b);
      const p95 = percentile(sorted, 0.95);
      await untilReached(bulkRequests * recipientsPerRequest, recorded, undefined, { everyMs: 250 });
      return {
        rate: p95,
        seconds: (performance.now() - startedAt) / 1_000,
        latencyMs: { p50: percentile(sorted, 0.5), p95, p99: percentile(sorted, 0.99) },
        facts: { codes, bulkStillWaiting: waiting },
      };
    };
  },
};
