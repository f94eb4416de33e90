// npm run test:chaos [-- --only=R01,R08] [--full] [--core] [--seed=N]: a line a scenario, and `N passed, N failed` at the end.
import { parseArgs } from 'node:util';
import { runScenario } from './run-scenario.ts';
import type { Finding, Scale, Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { startWorld, type World } from './world.ts';

const { values: given } = parseArgs({
  options: {
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
    core: { type: 'boolean', default: false },
    seed: { type: 'string' },
  },
});

const scale: Scale = given.full ? 'full' : given.core ? 'core' : 'everyday';
const firstSeed = given.seed === undefined ? (Date.now() % 1_000_000) + 1 : Number(given.seed);
const seeds = Array.from({ length: scale === 'full' ? 5 : 1 }, (_, index) => firstSeed + index);
const wanted = given.only?.split(',').map((id) => id.trim().toUpperCase());
const isWanted = ({ id }: Scenario): boolean =>
  wanted === undefined || id.split(/[ ,]+/).some((one) => wanted.includes(one));

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const tell = (scenario: Scenario, found: Finding, seed: number, tookMs: number): void => {
  const { lost, duplicates, unflagged, phantom, faults, note } = found;
  process.stdout.write(
    `${scenario.id.padEnd(7)} ${faults.length === 0 ? 'ok  ' : 'FAIL'} lost ${lost}  duplicates ${duplicates}  unflagged ${unflagged}  phantom ${phantom}  seed ${seed}  ${(tookMs / 1_000).toFixed(0)} s  ${scenario.title} (${note})\n`,
  );
  for (const fault of faults) process.stdout.write(`        ${fault}\n`);
};

const runOne = async (world: World, scenario: Scenario): Promise<boolean> => {
  const startedAt = performance.now();
  const found = await runScenario(world, scenario, scale);
  tell(scenario, found, world.seed, performance.now() - startedAt);
  return found.faults.length === 0;
};

let passed = 0;
let failed = 0;
for (const seed of seeds) {
  say(`seed ${seed}`);
  const world = await startWorld({ seed, say });
  const stop = (): void => {
    void world.stop().then(() => process.exit(1));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    for (const scenario of scenarios.filter(isWanted)) {
      if (await runOne(world, scenario)) passed += 1;
      else failed += 1;
    }
    for (const line of world.said) say(`  ${line}`);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await world.stop();
  }
}
process.stdout.write(`${passed} passed, ${failed} failed\n`, () => process.exit(failed === 0 ? 0 : 1));
