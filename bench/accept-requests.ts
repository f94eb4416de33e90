import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { kafkaClient } from '../shared/runtime/kafka.ts';
import { createBenchFleet, silentLog } from './bench-fleet.ts';
import type { Benchmark, RunResult } from './benchmark.ts';

const connections = 50;
const seconds = 10;
// A process of its own, or the measuring would take its time from the measured.
const autocannon = createRequire(import.meta.url).resolve('autocannon');

const report = z.object({
  '2xx': z.number(),
  non2xx: z.number(),
  errors: z.number(),
  timeouts: z.number(),
  duration: z.number(),
  latency: z.object({ p50: z.number(), p90: z.number(), p99: z.number(), p99_9: z.number(), max: z.number() }),
});

const body = JSON.stringify({
  from: 'Shop <hello@acme.example>',
  subject: 'Your receipt',
  text: 'Thank you for your order.',
  recipients: [{ email: 'ann@customer.example', name: 'Ann' }],
});

const load = (url: string, key: string): Promise<z.infer<typeof report>> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        ...[autocannon, '--json', '--no-progress', '--connections', String(connections), '--duration', String(seconds)],
        ...['--method', 'POST', '--headers', 'content-type=application/json'],
        ...['--headers', `authorization=Bearer ${key}`, '--body', body, url],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    let fault = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (fault += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code !== 0) reject(new Error(`autocannon failed: ${fault}`));
      else resolve(report.parse(JSON.parse(output)));
    });
  });

/** Small requests at the door. */
export const acceptRequests: Benchmark = {
  name: 'accept-requests',
  what: `POST /v1/emails with one recipient over ${connections} connections for ${seconds} s; each is answered 202 once Kafka has it on all replicas. One ingress; autocannon measures.`,
  unit: 'requests/s',
  prepare: async ({ stores, onClose }) => {
    const database = await stores.createDatabase('accept-requests');
    onClose(() => database.drop());
    const fleet = await createBenchFleet(stores, database.url);
    onClose(await fleet.start(['ingress']));
    const admin = kafkaClient(stores.brokers, 'mailfleet-bench', silentLog).admin();
    await admin.connect();
    onClose(() => admin.disconnect());
    const topic = fleet.topics.send['email-send'].name;
    const recordsInKafka = async (): Promise<number> =>
      (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);

    return async (): Promise<RunResult> => {
      const before = await recordsInKafka();
      const found = await load(`${fleet.settings.url}/v1/emails`, fleet.settings.adminKey);
      if (found.non2xx + found.errors + found.timeouts > 0) {
        throw new Error(`not every request was accepted: ${JSON.stringify(found)}`);
      }
      const stored = (await recordsInKafka()) - before;
      if (stored < found['2xx']) throw new Error(`${found['2xx']} were accepted, but Kafka has ${stored}`);
      const { p50, p90, p99, p99_9, max } = found.latency;
      return {
        rate: found['2xx'] / found.duration,
        seconds: found.duration,
        latencyMs: { p50, p90, p99, 'p99.9': p99_9, max },
        facts: { requests: found['2xx'] },
      };
    };
  },
};
