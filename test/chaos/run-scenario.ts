import { finding, type Finding, type Scale, type Scenario } from './scenario.ts';
import { endTraffic } from './traffic.ts';
import type { World } from './world.ts';

/** Heals the world, runs a scenario in it, and answers what it found; what it throws is a fault, too. */
export const runScenario = async (world: World, scenario: Scenario, scale: Scale): Promise<Finding> => {
  try {
    await world.heal();
    return await scenario.run(world, scale);
  } catch (error) {
    return finding([error instanceof Error ? error.message : String(error)], 'it broke off');
  } finally {
    endTraffic();
  }
};
