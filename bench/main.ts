import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../shared/config/package-root.ts';
import { ConfigError } from '../shared/errors.ts';
import { acceptRequests } from './accept-requests.ts';
import type { Benchmark, RunResult } from './benchmark.ts';
import { codeLatency } from './code-latency.ts';
import { countDomainEvents } from './count-domain-events.ts';
import { asTable, describeMachine } from './report.ts';
import { smtpThroughput } from './smtp-throughput.ts';
import { startStores } from './stores.ts';
import { summarise, type Summary } from './summary.ts';
import { postEvents, putEvents } from './take-events.ts';
import { wholePath } from './whole-path.ts';

const benchmarks: readonly Benchmark[] = [
  countDomainEvents,
  wholePath,
  smtpThroughput,
  acceptRequests,
  codeLatency,
  putEvents,
  postEvents,
];
const resultsFile = join(packageRoot, 'bench', 'results', 'latest.json');

const usage = `usage: npm run bench [-- options] [name…]

Runs the benchmarks (all without a name) with real processes on a Kafka and a Postgres of their own, or on
KAFKA_BROKERS and DATABASE_URL. A table goes to stdout, everything to bench/results/latest.json.

  --runs=N   measured runs after one to warm up (default 3)
  --json     JSON on stdout instead of the table
  --help     this text

${benchmarks.map(({ name, what }) => `  ${name}\n      ${what}`).join('\n')}
`;

const say = (line: string): void => {
  console.error(line);
};

// Closed in the reverse order of opening, also by a signal.
const closers: (() => Promise<void>)[] = [];
const closeDownTo = async (count: number): Promise<void> => {
  while (closers.length > count) {
    try {
      await closers.pop()?.();
    } catch (error) {
      // What lies below must still be closed; the exit code tells.
      say(`could not be closed: ${String(error)}`);
      process.exitCode = 1;
    }
  }
};

const measure = async (
  benchmark: Benchmark,
  stores: Awaited<ReturnType<typeof startStores>>,
  runs: number,
): Promise<Summary> => {
  say(`${benchmark.name}: ${benchmark.what}`);
  const before = closers.length;
  const runOnce = await benchmark.prepare({ stores, say, onClose: (close) => void closers.push(close) });
  const results: RunResult[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const result = await runOnce();
    const rate = Math.round(result.rate).toLocaleString('en');
    say(`  ${run === 0 ? 'warm-up' : `run ${run}`}: ${rate} ${benchmark.unit}`);
    if (run > 0) results.push(result);
  }
  await closeDownTo(before);
  return summarise(benchmark, results);
};

const run = async (wanted: readonly Benchmark[], options: { readonly runs: number; readonly asJson: boolean }) => {
  const machine = describeMachine();
  const stores = await startStores(say);
  closers.push(() => stores.stop());
  const summaries: Summary[] = [];
  for (const benchmark of wanted) summaries.push(await measure(benchmark, stores, options.runs));
  const described = { ...machine, stores: stores.descriptions };
  const json = JSON.stringify({ at: new Date().toISOString(), machine: described, benchmarks: summaries }, null, 2);
  mkdirSync(dirname(resultsFile), { recursive: true });
  writeFileSync(resultsFile, `${json}\n`);
  console.log(options.asJson ? json : asTable(summaries, described));
};

const parse = () => {
  try {
    const options = {
      runs: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const unknown = positionals.filter((name) => benchmarks.every((benchmark) => benchmark.name !== name));
    if (unknown.length > 0) return { fault: `there is no benchmark ${unknown.join(', ')}` };
    const runs = Number(values.runs ?? 3);
    if (!Number.isInteger(runs) || runs < 1) return { fault: '--runs: must be a whole number above 0' };
    const wanted = benchmarks.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
    return { isHelp: values.help === true, wanted, runs, asJson: values.json === true };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
};

const asked = parse();
if ('fault' in asked) {
  say(`${asked.fault}\n\n${usage}`);
  process.exitCode = 2;
} else if (asked.isHelp) console.log(usage);
else {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      say('stopping');
      void closeDownTo(0).finally(() => process.exit(130));
    });
  }
  try {
    await run(asked.wanted, asked);
  } catch (error) {
    say(
      error instanceof ConfigError
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error),
    );
    process.exitCode = 1;
  } finally {
    await closeDownTo(0);
  }
}
