import pg from 'pg';
import { runAutocannon } from './autocannon.ts';
import { createBenchFleet } from './bench-fleet.ts';
import type { Bench, Benchmark, RunResult } from './benchmark.ts';
import { untilReached } from './until.ts';

const connections = 50;
const seconds = 10;
const bodyBytes = 10_000_000;
const bodies = 8;
const domains = 50_000;

/** An ingress and a consumer on stores of their own, and how many events were counted up to now. */
const prepareFleet = async ({ stores, onClose }: Bench, name: string) => {
  const database = await stores.createDatabase(name);
  onClose(() => database.drop());
  const fleet = await createBenchFleet(stores, database.url);
  onClose(await fleet.start(['ingress', 'delivery-events']));
  const db = new pg.Pool({ connectionString: database.url, max: 1 });
  onClose(() => db.end());
  const counted = async (): Promise<number> => {
    const { rows } = await db.query<{ n: string }>(
      'select coalesce(sum(delivered + bounced), 0) as n from domain_counters',
    );
    return Number(rows[0]?.n ?? 0);
  };
  const { url, adminKey: key } = fleet.settings;
  return { url, key, counted };
};

/** After a run: as many are counted as were accepted, and no more. Answers how long that took after the last answer, in ms. */
const untilCounted = async (counted: () => Promise<number>, wanted: number): Promise<number> => {
  const from = performance.now();
  await untilReached(wanted, counted);
  const found = await counted();
  if (found !== wanted) throw new Error(`${wanted} were accepted, but ${found} are counted`);
  return performance.now() - from;
};

/** One event a request. */
export const putEvents: Benchmark = {
  name: 'put-events',
  what: `PUT /events/:domain/delivered over ${connections} connections for ${seconds} s; each is answered once Kafka has it on all replicas. One ingress and one delivery-events; every event must be counted once.`,
  unit: 'requests/s',
  prepare: async (bench) => {
    const { url, key, counted } = await prepareFleet(bench, 'put-events');
    return async (): Promise<RunResult> => {
      const before = await counted();
      const load = { url: `${url}/events/bench.example/delivered`, key, method: 'PUT', connections, seconds } as const;
      const found = await runAutocannon(load);
      // Requests under way when the time was over are counted by the fleet, and not by autocannon.
      await untilReached(before + found['2xx'], counted);
      const surplus = (await counted()) - before - found['2xx'];
      if (surplus > connections) throw new Error(`${surplus} more were counted than accepted`);
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

const lines = (): { readonly body: Buffer; readonly count: number } => {
  const parts: string[] = [];
  let bytes = 0;
  for (let number = 0; bytes < bodyBytes; number += 1) {
    const type = number % 20 === 19 ? 'bounced' : 'delivered';
    const line = `{"domain":"d${number % domains}.example","type":"${type}"}\n`;
    parts.push(line);
    bytes += line.length;
  }
  return { body: Buffer.from(parts.join('')), count: parts.length };
};

/** Many events a request. */
export const postEvents: Benchmark = {
  name: 'post-events',
  what: `POST /v1/delivery-events with ${bodies} bodies of ${bodyBytes / 1e6} MB of NDJSON over ${domains.toLocaleString('en')} domains, one after the other; each is answered once Kafka has it. One ingress and one delivery-events; every event must be counted once.`,
  unit: 'MB/s',
  aim: 10,
  prepare: async (bench) => {
    const { url, key, counted } = await prepareFleet(bench, 'post-events');
    const { body, count } = lines();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' };
    return async (): Promise<RunResult> => {
      const before = await counted();
      const from = performance.now();
      for (let number = 0; number < bodies; number += 1) {
        const answer = await fetch(`${url}/v1/delivery-events`, { method: 'POST', headers, body });
        if (answer.status !== 202) throw new Error(`answered ${answer.status}: ${await answer.text()}`);
        await answer.arrayBuffer();
      }
      const took = (performance.now() - from) / 1_000;
      const countedAfterMs = await untilCounted(counted, before + bodies * count);
      return {
        rate: (bodies * body.length) / 1e6 / took,
        seconds: took,
        facts: { events: bodies * count, eventsPerSecond: (bodies * count) / took, countedAfterMs },
      };
    };
  },
};
