import { kafkaClient } from '../shared/runtime/kafka.ts';
import { runAutocannon } from './autocannon.ts';
import { createBenchFleet, silentLog } from './bench-fleet.ts';
import type { Benchmark, RunResult } from './benchmark.ts';

const connections = 50;
const seconds = 10;

const body = JSON.stringify({
  from: 'Shop <hello@acme.example>',
  subject: 'Your receipt',
  text: 'Thank you for your order.',
  recipients: [{ email: 'ann@customer.example', name: 'Ann' }],
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
      const { url, adminKey: key } = fleet.settings;
      const found = await runAutocannon({ url: `${url}/v1/emails`, key, method: 'POST', body, connections, seconds });
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
