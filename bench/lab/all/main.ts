// Every scenario of the repository under every policy: a table on stdout, a page with the weights' curves beside it.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { packageRoot } from '../../../shared/config/package-root.ts';
import { weightPolicies, type WeightPolicy } from '../../../shared/domain/weigh-esps.ts';
import { readScenario } from '../read-scenario.ts';
import { reportPage, type ScenarioReport } from '../report-page.ts';
import { simulate } from '../simulate.ts';

const usage = `usage: npm run lab [-- --seeds=N]

Runs every scenario of bench/lab/scenarios under every policy with N seeds (default 3) and prints reward ÷ oracle. A
page with the curves of the weights goes to bench/results/lab.html, all numbers to bench/results/lab.json.
`;

const geometricMean = (ratios: readonly number[]): number =>
  Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(Math.max(1e-9, ratio)), 0) / Math.max(1, ratios.length));

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '3' }, help: { type: 'boolean', short: 'h', default: false } },
});
const seeds = Number(values.seeds);

const runScenario = (file: string): ScenarioReport => {
  const scenario = readScenario(file);
  const policies = weightPolicies.map((policy) => {
    const runs = Array.from({ length: seeds }, (_, index) => simulate(scenario, policy, index + 1));
    return { policy, ratio: geometricMean(runs.map(({ ratio }) => ratio)), curves: runs[0]?.weights ?? [] };
  });
  return { name: basename(file, '.json'), what: scenario.what ?? '', esps: Object.keys(scenario.esps), policies };
};

if (values.help || !Number.isSafeInteger(seeds) || seeds < 1) {
  console.log(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  const folder = join(packageRoot, 'bench', 'lab', 'scenarios');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const reports = files.sort().map((name) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${name}`);
    return runScenario(join(folder, name));
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');

  const ratioOf = (report: ScenarioReport, policy: WeightPolicy): number =>
    report.policies.find((row) => row.policy === policy)?.ratio ?? 0;
  const means = weightPolicies.map((policy) => geometricMean(reports.map((report) => ratioOf(report, policy))));
  const table = new Table({
    head: ['scenario', ...weightPolicies],
    colAligns: ['left', ...weightPolicies.map(() => 'right' as const)],
    style: { head: [], border: [] },
  });
  for (const report of reports) {
    const ratios = weightPolicies.map((policy) => ratioOf(report, policy));
    const best = Math.max(...ratios);
    table.push([report.name, ...ratios.map((ratio) => `${ratio === best ? '* ' : ''}${ratio.toFixed(4)}`)]);
  }
  table.push(['geometric mean', ...means.map((mean) => mean.toFixed(4))]);
  console.log(table.toString());

  const results = join(packageRoot, 'bench', 'results');
  mkdirSync(results, { recursive: true });
  const means4 = Object.fromEntries(weightPolicies.map((policy, index) => [policy, means[index] ?? 0]));
  writeFileSync(join(results, 'lab.json'), JSON.stringify({ seeds, means: means4, reports }, null, 1));
  writeFileSync(join(results, 'lab.html'), reportPage(reports, means4, seeds));
  console.log(`${seeds} seeds each. The curves: bench/results/lab.html`);
}
