import Table from 'cli-table3';
import { cliEnv, kafkaEnv, readEnv } from '../../shared/config/env.ts';
import { topicsOf } from '../../shared/contracts/topics.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { parseOptions, usage, type LoadOptions } from './options.ts';
import { runLoad, type LoadResult } from './run-load.ts';
import { domainOf, emailOf, httpSender, typeOf, type Sender } from './send-http.ts';

const kafkaSender = async ({ domains, target }: LoadOptions): Promise<Sender> => {
  const env = readEnv(kafkaEnv);
  const topics = topicsOf(env);
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: 'mailfleet-loadtest',
    log: createLog({ name: 'loadtest', level: 'silent' }),
    deadlineMs: 30_000,
  });
  await publisher.connect();
  return {
    send: (index) => {
      const domain = domainOf(index, domains);
      const record =
        target === 'emails'
          ? { topic: topics.send['email-send'].name, value: emailOf(index, domains), key: `load-${index}` }
          : { topic: topics.delivery.name, value: { domain, type: typeOf(index, domains) }, key: domain };
      return publisher.publish([{ ...record, value: JSON.stringify(record.value) }]);
    },
    close: () => publisher.close(),
  };
};

const senderFor = (options: LoadOptions): Promise<Sender> => {
  if (options.via === 'kafka') return kafkaSender(options);
  const env = readEnv(cliEnv);
  const url = env.MAILFLEET_URL ?? env.PUBLIC_URL ?? 'http://127.0.0.1:8080';
  return Promise.resolve(httpSender(url, env.MAILFLEET_API_KEY ?? env.ADMIN_API_KEY, options));
};

const shares = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, 'p99.9': 0.999 };
const rounded = (value: number): number => Math.round(value * 100) / 100;

const show = ({ done, failed, seconds, times, lastFault }: LoadResult, options: LoadOptions): void => {
  const rate = Math.round(done / seconds);
  const latencyMs = {
    mean: rounded(times.mean),
    ...Object.fromEntries(Object.entries(shares).map(([name, share]) => [name, rounded(times.percentile(share))])),
    max: rounded(times.max),
  };
  if (options.isJson) {
    console.log(JSON.stringify({ ...options, done, failed, seconds: rounded(seconds), rate, latencyMs }, null, 2));
  } else {
    const table = new Table({ colAligns: ['left', 'right'], style: { head: [], border: [] } });
    table.push(
      ['accepted', done.toLocaleString('en')],
      ['failed', failed.toLocaleString('en')],
      ['seconds', rounded(seconds)],
      [`${options.target} a second`, rate.toLocaleString('en')],
      ...Object.entries(latencyMs).map(([name, ms]) => [`${name} (ms)`, ms]),
    );
    console.log(table.toString());
  }
  if (lastFault !== undefined) console.error(`the last of what failed: ${lastFault}`);
};

const load = async (options: LoadOptions): Promise<void> => {
  const sender = await senderFor(options);
  const progress = { done: 0, failed: 0 };
  let before = 0;
  const ticker = setInterval(() => {
    const rate = progress.done - before;
    before = progress.done;
    const failed = progress.failed > 0 ? `, ${progress.failed.toLocaleString('en')} failed` : '';
    const sum = `${progress.done.toLocaleString('en')} of ${options.events.toLocaleString('en')}`;
    process.stderr.write(`${sum}, ${rate.toLocaleString('en')} a second${failed}\n`);
  }, 1_000);
  try {
    const { events: count, concurrency } = options;
    const result = await runLoad({ count, concurrency }, sender.send, () => performance.now(), progress);
    show(result, options);
    if (result.failed > 0) process.exitCode = 1;
  } finally {
    clearInterval(ticker);
    await sender.close();
  }
};

const parsed = parseOptions(process.argv.slice(2));
if (parsed.kind === 'help') console.log(usage);
else if (parsed.kind === 'fault') {
  console.error(`${parsed.fault}\n\n${usage}`);
  process.exitCode = 2;
} else await load(parsed.options);
