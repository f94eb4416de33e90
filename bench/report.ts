import Table from 'cli-table3';
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { packageRoot } from '../shared/config/package-root.ts';
import type { Summary } from './summary.ts';

/** Where and of what the figures are. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly stores: readonly string[];
  readonly commit: string | null;
  /** Processes that wanted to run in the minute before: above 0 the machine was not quiet. */
  readonly loadBefore: number;
}

const commit = (): string | null => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: packageRoot, encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
};

/** Describes this machine; called before anything is started, so that the load is others'. */
export const describeMachine = (): Omit<Machine, 'stores'> => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${platform()} ${release()}`,
  node: process.version,
  commit: commit(),
  loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
});

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const latencies = (summary: Summary): string =>
  Object.entries(summary.latencyMs)
    .map(([name, value]) => `${name} ${value}`)
    .join('\n');

/** The results as a table for a terminal. */
export const asTable = (summaries: readonly Summary[], machine: Machine): string => {
  const table = new Table({
    head: ['benchmark', 'median', 'min–max', 'unit', 'aim', 'latency (ms)'],
    colAligns: ['left', 'right', 'right', 'left', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const summary of summaries) {
    const { name, median, min, max, unit, aim } = summary;
    const wanted = aim === null ? '' : whole(aim);
    table.push([name, whole(median), `${whole(min)}–${whole(max)}`, unit, wanted, latencies(summary)]);
  }
  const { cpu, cores, memoryGiB, node, stores, loadBefore } = machine;
  return `${table.toString()}\n${cores} × ${cpu}, ${memoryGiB} GiB, Node ${node}; ${stores.join(', ')}; load before: ${loadBefore}`;
};
