import { packageRoot } from '../../shared/config/package-root.ts';
import type { Say } from '../keep-running.ts';
import { untilKafkaWorks } from './kafka-readiness.ts';
import type { Service } from './service.ts';

/** The part of testcontainers' environment that is used: a type of ours, since the package is not in production. */
interface Running {
  down(options: { readonly removeVolumes: boolean }): Promise<unknown>;
}

/**
 * Kafka of the compose file, for one run of the tests: testcontainers gives it a project of its own and removes it even
 * when the run is killed. Only where a Docker engine answers.
 */
export const testcontainersKafka = ({ port, say }: { readonly port: number; readonly say: Say }): Service => {
  let running: Running | undefined;
  return {
    ports: [],
    clear: () => Promise.resolve(),
    start: async () => {
      say('starting Kafka in Docker for the tests (the image is fetched the first time)');
      const { DockerComposeEnvironment, Wait } = await import('testcontainers');
      running = await new DockerComposeEnvironment(packageRoot, 'docker-compose.kafka.yml')
        .withEnvironment({ KAFKA_PORT: String(port) })
        .withDefaultWaitStrategy(Wait.forHealthCheck())
        .up(['kafka']);
      await untilKafkaWorks([`127.0.0.1:${port}`], AbortSignal.timeout(60_000));
      return `Kafka in Docker on 127.0.0.1:${port}`;
    },
    stop: async () => {
      await running?.down({ removeVolumes: true });
    },
  };
};
