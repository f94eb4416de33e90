import { join } from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import { packageRoot } from '../../shared/config/package-root.ts';
import type { Say } from '../keep-running.ts';
import { runCommand } from '../run-command.ts';
import { untilKafkaWorks } from './kafka-readiness.ts';
import type { Service } from './service.ts';

/** Whether a Docker engine answers and brings compose. */
export const canRunOnDocker = async (): Promise<boolean> => {
  const answers = await Promise.all([
    runCommand('docker', ['info', '--format', '{{.ServerVersion}}'], { timeoutMs: 3000 }),
    runCommand('docker', ['compose', 'version'], { timeoutMs: 3000 }),
  ]);
  return answers.every(({ ok }) => ok);
};

export interface DockerKafkaOptions {
  readonly port: number;
  readonly say: Say;
}

/** Apache Kafka in a container, by the compose file at the root. One that ran before is left running at the end. */
export const dockerKafka = ({ port, say }: DockerKafkaOptions): Service => {
  const abort = new AbortController();
  let isOurs = false;
  const compose = (...args: readonly string[]) =>
    runCommand('docker', [...['compose', '-f', join(packageRoot, 'docker-compose.kafka.yml')], ...args], {
      cwd: packageRoot,
      env: { ...process.env, KAFKA_PORT: String(port) },
      timeoutMs: 600_000,
    });
  const runsAlready = async (): Promise<boolean> =>
    (await compose('ps', '--status', 'running', '-q', 'kafka')).stdout.trim() !== '';

  return {
    // Docker itself says when the port is taken; a container of ours that still runs would look like a stranger here.
    ports: [],
    clear: () => Promise.resolve(),
    start: async () => {
      isOurs = !(await runsAlready());
      if (isOurs) say('starting Kafka in Docker (the image is fetched the first time)');
      const up = await compose('up', '-d', '--wait', 'kafka');
      if (!up.ok) {
        throw new ConfigError(
          `docker compose could not start Kafka:\n${up.stderr.trim()}\nIf port ${port} is taken, move it with KAFKA_PORT.`,
        );
      }
      const limit = AbortSignal.any([abort.signal, AbortSignal.timeout(60_000)]);
      await untilKafkaWorks([`127.0.0.1:${port}`], limit);
      return `Kafka in Docker on 127.0.0.1:${port}`;
    },
    stop: async () => {
      abort.abort();
      if (!isOurs) return;
      await compose('stop', 'kafka');
    },
  };
};
