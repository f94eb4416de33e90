// One run of the routing lab: a scenario, a policy, a seed; one line of JSON.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { weightPolicies } from '../../shared/domain/weigh-esps.ts';
import { readScenario } from './read-scenario.ts';
import { simulate } from './simulate.ts';

const usage = `usage: npm run -s lab:routing -- --scenario FILE [--policy NAME] [--seed N]

Runs the fleet's own weighting, health and splitting in simulated time and prints one line of JSON. The same seed
prints the same line. Scenarios to begin with: bench/lab/scenarios.

  --scenario=FILE  what the ESPs do, as JSON
  --policy=NAME    ${weightPolicies.join(', ')} (default adaptive)
  --seed=N         a whole number (default 1)
`;

const run = (): number => {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string' },
      policy: { type: 'string', default: 'adaptive' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const policy = weightPolicies.find((name) => name === values.policy);
  const seed = Number(values.seed);
  if (values.scenario === undefined || policy === undefined || !Number.isSafeInteger(seed)) {
    console.error(usage);
    return 2;
  }
  // npm changes to the package's folder; a path is meant from where it was typed.
  const path = resolve(process.env['INIT_CWD'] ?? '.', values.scenario);
  console.log(JSON.stringify(simulate(readScenario(path), policy, seed)));
  return 0;
};

try {
  process.exitCode = run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
