// The failure scenarios that catch most, at their smallest: real processes, killed stores, lost answers, and an oracle that
// believes no counter of ours. `npm run test:chaos` runs all of them.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { canRunOnJava } from '../../fleet/services/kafka-java.ts';
import { composeSettings, readEnvironment } from '../../fleet/settings.ts';
import { runScenario } from '../chaos/run-scenario.ts';
import { scenarios } from '../chaos/scenarios.ts';
import { startWorld, type World } from '../chaos/world.ts';

const core = ['R01', 'R02', 'R06', 'R08', 'R13', 'R15', 'R16', 'R20', 'R21', 'R29'];
// A container's broker has no process of ours to kill.
const isPossible = await canRunOnJava(join(composeSettings(readEnvironment()).home, 'kafka', 'libs'));

(isPossible ? describe : describe.skip)('The fleet', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ seed: 20_261, say: () => undefined });
  }, 180_000);
  afterAll(() => world.stop(), 90_000);

  const chosen = scenarios.filter(({ id }) => core.includes(id));
  test.each(chosen.map((scenario) => [scenario.id, scenario.title, scenario] as const))(
    '%s: survives %s',
    async (_, __, scenario) => {
      const found = await runScenario(world, scenario, 'core');
      expect(found).toEqual({ ...found, faults: [] });
    },
    300_000,
  );
});
