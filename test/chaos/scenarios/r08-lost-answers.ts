// R08: one in twenty of the broker's answers to produce requests is lost, while a hundred callers publish. Nothing that was
// acknowledged is absent. Idempotent producers of Kafka's client, used plainly, fail this: see publisher.ts.
import { sized, type Scenario } from '../scenario.ts';
import { mailTo, postAll } from '../traffic.ts';
import { judgeMail } from '../verdict.ts';

export const lostAnswers: Scenario = {
  id: 'R08',
  title: 'one in twenty produce answers lost',
  run: async (world, scale) => {
    await world.atLeast('email-send', 2);
    await world.atLeast('email-send-bulk', 1);
    const client = await world.client();
    const records = sized(scale, 1_000, 5_000, 50_000);
    const proxy = world.stores.kafka.proxy;
    const cutsBefore = proxy.cuts;
    const half = Math.floor(records / 2);
    const bodies = Array.from({ length: records }, () => mailTo(1));
    proxy.dropProduceAnswers(0.05, world.random, 'cut');
    await postAll(client, bodies.slice(0, half), 100);
    // The answer never comes, and the connection stands.
    proxy.dropProduceAnswers(0, world.random, 'cut');
    proxy.dropProduceAnswers(0.05, world.random, 'silent');
    await postAll(client, bodies.slice(half), 100);
    proxy.dropProduceAnswers(0, world.random, 'silent');
    const lostAnswersSeen = proxy.cuts - cutsBefore;
    await world.settle(client);
    const faults = [
      ...(lostAnswersSeen === 0 ? ['no answer was lost, so nothing was shown'] : []),
      ...(client.slowestMs > 5_000 ? [`a caller waited ${Math.round(client.slowestMs)} ms`] : []),
    ];
    return judgeMail(client, {
      faults,
      note: `${lostAnswersSeen} answers or connections lost; slowest ${Math.round(client.slowestMs)} ms`,
    });
  },
};
