// npm run test:hostile [-- --only=http,records,webhooks] [--examples=N] [--seeds=1,2,3]: a line a part, `N passed, N failed` at the end.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { composeSettings, readEnvironment } from '../../fleet/settings.ts';
import { startTestServices } from '../../fleet/test-services.ts';
import { ConfigError } from '../../shared/errors.ts';
import { startTestFleet } from '../support/fleet.ts';
import { badRecords } from './bad-records.ts';
import { badWebhooks } from './bad-webhooks.ts';
import { fuzzHttp } from './fuzz-http.ts';
import type { PartOptions, PartResult } from './part.ts';
import { installSchemathesis } from './schemathesis.ts';

const { values: given } = parseArgs({
  options: {
    only: { type: 'string', default: 'http,records,webhooks' },
    examples: { type: 'string', default: '200' },
    seeds: { type: 'string', default: '1,2,3' },
  },
});

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
const folder = join(composeSettings(readEnvironment()).home, 'hostile');
const wanted = given.only.split(',').map((name) => name.trim());
const seeds = given.seeds.split(',').map(Number);
const examples = Number(given.examples);
if (seeds.some(Number.isNaN) || !Number.isSafeInteger(examples) || examples < 1) {
  throw new ConfigError('--seeds takes numbers by commas, --examples a whole number.');
}

// Asked before anything is started: it may lack Python.
const httpPart = (): ((options: PartOptions) => Promise<PartResult>) =>
  fuzzHttp(installSchemathesis(join(folder, 'python'), say), folder);
const parts: Readonly<Record<string, () => (options: PartOptions) => Promise<PartResult>>> = {
  http: httpPart,
  records: () => badRecords,
  webhooks: () => badWebhooks,
};
const unknown = wanted.filter((name) => parts[name] === undefined);
if (unknown.length > 0)
  throw new ConfigError(`--only takes ${Object.keys(parts).join(', ')}; not ${unknown.join(', ')}.`);

let passed = 0;
let failed = 0;
const chosen = Object.entries(parts).flatMap(([name, part]) => (wanted.includes(name) ? [{ name, run: part() }] : []));
const services = await startTestServices({ withKafka: true });
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void services.stop().then(() => process.exit(1));
  });
}
try {
  Object.assign(process.env, services.environment);
  for (const { name, run } of chosen) {
    const startedAt = performance.now();
    // A fleet of its own for each: what one part leaves behind is no part of another.
    const fleet = await startTestFleet();
    let result: PartResult;
    try {
      result = await run({ fleet, seeds, examples, say });
    } catch (error) {
      result = {
        name,
        note: 'it could not be finished',
        faults: [error instanceof Error ? error.message : String(error)],
      };
    } finally {
      await fleet.stop();
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    process.stdout.write(
      `${name.padEnd(8)} ${result.faults.length === 0 ? 'ok  ' : 'FAIL'} ${seconds} s  ${result.note}\n`,
    );
    for (const fault of result.faults) process.stdout.write(`         ${fault}\n`);
    if (result.faults.length === 0) passed += 1;
    else failed += 1;
  }
} finally {
  await services.stop();
}
process.stdout.write(`${passed} passed, ${failed} failed\n`, () => process.exit(failed === 0 ? 0 : 1));
