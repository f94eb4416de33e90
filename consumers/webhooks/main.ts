import { adminEnv, kafkaEnv, logEnv, readEnv, workerEnv } from '../../shared/config/env.ts';
import { topicsOf, webhookEsps } from '../../shared/contracts/topics.ts';
import { ConfigError } from '../../shared/errors.ts';
import { webhookProvider } from '../../shared/esp/providers.ts';
import { createPublisher } from '../../shared/runtime/publisher.ts';
import { runProcess } from '../../shared/runtime/process.ts';
import { runConsumer } from '../../shared/runtime/run-consumer.ts';
import { workersOf } from '../../shared/runtime/workers.ts';
import { webhooks } from './consumer.ts';

const named = process.argv[2]?.replace(/^webhook-/, '');
const esp = webhookEsps.find((name) => name === named);
if (esp === undefined) throw new ConfigError(`Name the ESP whose webhooks to translate: ${webhookEsps.join(', ')}.`);
const env = readEnv({ ...kafkaEnv, ...adminEnv, ...logEnv, ...workerEnv });

await runProcess(`webhook-${esp}`, env, async (scope) => {
  const translate = webhookProvider(esp)?.translate;
  if (translate === undefined) throw new ConfigError(`${esp} has no webhooks.`);
  const publisher = createPublisher({
    brokers: env.KAFKA_BROKERS,
    clientId: `mailfleet-webhook-${esp}`,
    log: scope.log,
    deadlineMs: 30_000,
  });
  scope.onClose('publisher', () => publisher.close());
  const topics = topicsOf(env);
  const definition = webhooks({
    kind: esp,
    topic: topics.webhook[esp],
    deliveryTopic: topics.delivery.name,
    translate,
    log: scope.log,
  });
  await runConsumer(
    definition,
    { ...env, workers: workersOf(process.argv, env.WORKERS_PER_CONSUMER) },
    scope,
    publisher,
  );
});
