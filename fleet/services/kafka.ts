import { ConfigError } from '../../shared/errors.ts';
import { isOnPath } from '../run-command.ts';
import { canRunOnDocker, dockerKafka } from './kafka-docker.ts';
import { canRunOnJava, javaKafka, type JavaKafkaOptions } from './kafka-java.ts';
import { untilKafkaWorks } from './kafka-readiness.ts';
import { choosePackageManager, kafkaRemedies } from './kafka-remedies.ts';
import type { Service } from './service.ts';

/** A Kafka of somebody else. */
export const givenKafka = (brokers: readonly string[]): Service => ({
  ports: [],
  clear: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  start: async () => {
    try {
      await untilKafkaWorks(brokers, AbortSignal.timeout(30_000));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConfigError(
        `KAFKA_BROKERS is set, but no record can be sent and read through ${brokers.join(', ')}: ${reason}`,
      );
    }
    return `Kafka at ${brokers.join(', ')} (KAFKA_BROKERS)`;
  },
});

/** A Kafka for this machine: Docker's if its engine answers, else on Java. Throws the remedies when there is neither. */
export const localKafka = async (options: JavaKafkaOptions): Promise<Service> => {
  const [onDocker, onJava] = await Promise.all([canRunOnDocker(), canRunOnJava(options.jars)]);
  if (onDocker) return dockerKafka(options);
  if (onJava) return javaKafka(options);
  throw new ConfigError(kafkaRemedies(choosePackageManager(isOnPath)));
};
