import type { Scenario } from './scenario.ts';
import { killedSenders } from './scenarios/r01-killed-senders.ts';
import { deathsAfterAcceptance, deathsThatMailNobodyTwice } from './scenarios/r02-failpoints.ts';
import { stoppedSender } from './scenarios/r03-stopped-sender.ts';
import { orderlyStop } from './scenarios/r04-orderly-stop.ts';
import { joinsAndLeaves } from './scenarios/r05-joins-and-leaves.ts';
import { brokerDown, brokerStopped } from './scenarios/r06-broker-down.ts';
import { lostAnswers } from './scenarios/r08-lost-answers.ts';
import { postgresKilled, postgresUnusable } from './scenarios/r09-postgres-killed.ts';
import { brokenEsp, throttlingEsp } from './scenarios/r11-one-esp-failing.ts';
import { allEspsDown } from './scenarios/r13-all-esps-down.ts';
import { lateAnswers, resetAnswers, silentAnswers } from './scenarios/r14-ambiguous-answers.ts';
import { unreachableEsps } from './scenarios/r17-unreachable-esp.ts';
import { badDeploy, poisonRecords } from './scenarios/r18-poison.ts';
import { readAgain } from './scenarios/r20-replay.ts';
import { domainCounters, repeatedEvents, untimelyEvents } from './scenarios/r21-events.ts';
import { logGone } from './scenarios/r24-log-gone.ts';
import { wrongClocks } from './scenarios/r25-wrong-clocks.ts';
import { twoSchedulers } from './scenarios/r26-two-schedulers.ts';
import { killedIngress, sameKeys, withoutPostgres } from './scenarios/r27-idempotency.ts';
import { stalledConsumer } from './scenarios/r30-stalled-consumer.ts';

/** Every scenario, in the order in which they run: what harms the stores comes last. */
export const scenarios: readonly Scenario[] = [
  killedSenders,
  deathsThatMailNobodyTwice,
  deathsAfterAcceptance,
  stoppedSender,
  orderlyStop,
  joinsAndLeaves,
  throttlingEsp,
  brokenEsp,
  allEspsDown,
  lateAnswers,
  silentAnswers,
  resetAnswers,
  unreachableEsps,
  wrongClocks,
  twoSchedulers,
  sameKeys,
  killedIngress,
  stalledConsumer,
  // Before the bad deploy: its dead letters were never sent, so that reading their records again sends them, rightly.
  readAgain,
  poisonRecords,
  badDeploy,
  untimelyEvents,
  repeatedEvents,
  domainCounters,
  lostAnswers,
  brokerDown,
  brokerStopped,
  postgresKilled,
  postgresUnusable,
  withoutPostgres,
  // Leaves its topic behind under another epoch, so it is the last.
  logGone,
];
