import type { Scenario } from './scenario.ts';
import { killedSenders } from './scenarios/r01-killed-senders.ts';

/** Every scenario, in the order in which they run: what harms the stores comes last. */
export const scenarios: readonly Scenario[] = [killedSenders];
