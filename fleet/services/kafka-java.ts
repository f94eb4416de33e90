import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import { EndedEarly, keepRunning, type Keeper, type Say } from '../keep-running.ts';
import { openLogFile, tailOf } from '../log-tail.ts';
import { stopLeftover, type StopStep } from '../os-process.ts';
import { isOnPath, runCommand } from '../run-command.ts';
import { kafkaLogging, kafkaPom, kafkaProperties, kafkaVersion } from './kafka-files.ts';
import { untilKafkaWorks } from './kafka-readiness.ts';
import type { Service } from './service.ts';

const stopSteps: readonly StopStep[] = [
  { signal: 'SIGTERM', graceMs: 15_000 },
  { signal: 'SIGKILL', graceMs: 2000 },
];

const javaProgram = (): string => {
  const home = process.env['JAVA_HOME'];
  const program = home === undefined || home === '' ? '' : join(home, 'bin', 'java');
  return existsSync(program) ? program : 'java';
};

/** The major version in what `java -version` prints; 0 when there is none. Before Java 9 it stood second ("1.8.0"). */
export const javaMajor = (text: string): number => {
  const [, first = '0', second = '0'] = /version "(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  return Number(first === '1' ? second : first);
};

const isDownloaded = (jars: string): boolean => existsSync(join(jars, `kafka_2.13-${kafkaVersion}.jar`));

/** Whether this machine can run Kafka on its own Java: 17 or newer, and Maven as long as the jars are not there yet. */
export const canRunOnJava = async (jars: string): Promise<boolean> => {
  if (!isDownloaded(jars) && !isOnPath('mvn')) return false;
  const { stderr, stdout } = await runCommand(javaProgram(), ['-version'], { timeoutMs: 10_000 });
  return javaMajor(`${stderr}${stdout}`) >= 17;
};

const download = async (jars: string, signal: AbortSignal, say: Say): Promise<void> => {
  if (isDownloaded(jars)) return;
  say(`downloading Apache Kafka ${kafkaVersion} (first time only)`);
  const draft = `${jars}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  writeFileSync(join(draft, 'pom.xml'), kafkaPom);
  const args = ['-B', '-q', '-f', join(draft, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${draft}`];
  const result = await runCommand('mvn', args, { cwd: draft, signal });
  if (!result.ok) {
    rmSync(draft, { recursive: true, force: true });
    const reason = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(0, 6).join('\n');
    throw new ConfigError(
      `Apache Kafka could not be downloaded with Maven:\n${reason}\nIs the network there? Else set KAFKA_BROKERS.`,
    );
  }
  // Another start may have been quicker; its jars are as good.
  if (!isDownloaded(jars)) {
    rmSync(jars, { recursive: true, force: true });
    renameSync(draft, jars);
  } else rmSync(draft, { recursive: true, force: true });
};

export interface JavaKafkaOptions {
  readonly home: string;
  /** Where the jars are kept; several fleets may share them. */
  readonly jars: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly say: Say;
  /** Where clients are sent, when that is not `port`: a proxy before the broker. */
  readonly advertisedPort?: number;
}

/** Apache Kafka on this machine's Java, one KRaft node, its data under `home`. It is started again if it dies. */
export const javaKafka = ({ home, jars, port, controllerPort, say, advertisedPort }: JavaKafkaOptions): Service => {
  const folder = join(home, 'kafka');
  const data = join(folder, 'data');
  const properties = join(folder, 'server.properties');
  const pidFile = join(folder, 'kafka.pid');
  const outputFile = join(folder, 'kafka.out');
  const archive = `${jars}.jsa`;
  const archiveDraft = join(folder, 'classes.jsa');
  const abort = new AbortController();
  let keeper: Keeper | undefined;
  // A class archive of an earlier run saves a third of the start. The first run writes it when it ends.
  const isArchiving = !existsSync(archive);

  const jvmArguments = (flags: readonly string[]): string[] => [
    ...[
      '-Xms256m',
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '-XX:+ExitOnOutOfMemoryError',
      '-Xshare:auto',
      '-Xlog:cds*=error',
      ...flags,
    ],
    `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`,
    ...['-cp', join(jars, '*')],
  ];
  const archiveFlags = (): string[] => (existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []);

  const format = async (): Promise<void> => {
    if (existsSync(join(data, 'meta.properties'))) return;
    // Formatted beside and renamed when complete: a start that is interrupted here begins afresh next time.
    const draft = `${data}.new`;
    rmSync(draft, { recursive: true, force: true });
    const config = join(folder, 'format.properties');
    writeFileSync(config, kafkaProperties({ dataFolder: draft, port, controllerPort }));
    const clusterId = randomBytes(16).toString('base64url');
    // One word, since an id may begin with a dash and would be taken for an option.
    const args = ['kafka.tools.StorageTool', 'format', `--cluster-id=${clusterId}`, '-c', config];
    const made = await runCommand(javaProgram(), [...jvmArguments(archiveFlags()), ...args], { signal: abort.signal });
    if (!made.ok) throw new ConfigError(`Kafka could not make its data folder:\n${made.stderr.trim()}`);
    renameSync(draft, data);
  };

  const clear = async (): Promise<void> => {
    if (!existsSync(pidFile)) return;
    const pid = Number(readFileSync(pidFile, 'utf8'));
    if (pid > 1) await stopLeftover(pid, (command) => command.includes(properties), stopSteps);
    rmSync(pidFile, { force: true });
    rmSync(archiveDraft, { force: true });
  };

  const launch = async (): Promise<ChildProcess> => {
    await clear();
    writeFileSync(properties, kafkaProperties({ dataFolder: data, port, controllerPort, advertisedPort }));
    const flags = isArchiving ? [`-XX:ArchiveClassesAtExit=${archiveDraft}`] : archiveFlags();
    const output = openLogFile(outputFile);
    // Its own session: Ctrl-C in the terminal must reach the consumers first, and Kafka after them.
    const child = spawn(javaProgram(), [...jvmArguments(flags), 'kafka.Kafka', properties], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    if (child.pid !== undefined) writeFileSync(pidFile, String(child.pid));
    return child;
  };

  return {
    ports: [
      { port, host: '127.0.0.1', variable: 'KAFKA_PORT', user: 'Kafka' },
      { port: controllerPort, host: '127.0.0.1', variable: 'KAFKA_CONTROLLER_PORT', user: "Kafka's controller" },
    ],
    clear,
    start: async () => {
      mkdirSync(folder, { recursive: true });
      await download(jars, abort.signal, say);
      writeFileSync(join(folder, 'log4j2.properties'), kafkaLogging(join(folder, 'kafka.log')));
      await format();
      abort.signal.throwIfAborted();
      keeper = keepRunning({
        name: 'Kafka',
        launch,
        ready: (signal) => untilKafkaWorks([`127.0.0.1:${port}`], signal),
        readyWithinMs: 90_000,
        stopSteps,
        say,
      });
      try {
        await keeper.start();
      } catch (error) {
        if (!(error instanceof EndedEarly)) throw error;
        const tail = `${tailOf(outputFile)}\n${tailOf(join(folder, 'kafka.log'))}`;
        throw new ConfigError(`${error.message}. The end of its log (${folder}/kafka.log):\n${tail}`);
      }
      return `Kafka ${kafkaVersion} on 127.0.0.1:${port}`;
    },
    stop: async () => {
      abort.abort();
      await keeper?.stop();
      rmSync(pidFile, { force: true });
      // Renamed only after a whole run: Java would trust half an archive.
      if (existsSync(archiveDraft)) renameSync(archiveDraft, archive);
    },
  };
};
