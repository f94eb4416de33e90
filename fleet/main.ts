import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import colors from 'picocolors';
import { packageRoot } from '../shared/config/package-root.ts';
import { ConfigError } from '../shared/errors.ts';
import { openAppLog } from './app-log.ts';
import { createChecklist, seconds, type Checklist } from './checklist.ts';
import { prepareStores } from './prepare-stores.ts';
import { portFaults, type PortUse } from './ports.ts';
import { placeProcesses, processes, type PlacedProcess } from './processes.ts';
import { beginRecord, livingSupervisor, stopLeftovers } from './run-record.ts';
import { givenKafka, localKafka } from './services/kafka.ts';
import { embeddedPostgres, givenPostgres } from './services/postgres.ts';
import type { Service } from './services/service.ts';
import { runDemo } from './demo.ts';
import { composeSettings, readLayers, type FleetSettings } from './settings.ts';
import { supervise } from './supervise.ts';
import { welcome } from './welcome.ts';

export interface StartOptions {
  readonly demo: boolean;
  readonly demoSize: number;
  /** Flags that are settings, and `--config`. */
  readonly settings: readonly string[];
}

// npm passes Ctrl-C on to us although the terminal has sent it already: two signals, one wish.
const sameWishMs = 1000;

const simulatorPorts = (settings: FleetSettings): PortUse[] =>
  [
    { port: settings.simulatorPort, variable: 'SIMULATOR_PORT', user: 'the simulator' },
    { port: settings.simulatorSmtpPort, variable: 'SIMULATOR_SMTP_PORT', user: 'the simulated SMTP relay' },
    { port: settings.simulatorSmtpsPort, variable: 'SIMULATOR_SMTPS_PORT', user: 'the simulated SMTP relay with TLS' },
  ]
    .filter(({ port }) => port !== 0)
    .map((use) => ({ ...use, host: '127.0.0.1' }));

const portsOf = (
  settings: FleetSettings,
  placed: readonly PlacedProcess[],
  services: readonly Service[],
): PortUse[] => [
  ...services.flatMap(({ ports }) => ports),
  { port: settings.port, host: settings.host, variable: 'PORT', user: 'the ingress' },
  ...[
    { port: settings.grpcPort, host: settings.host, variable: 'GRPC_PORT', user: 'gRPC' },
    { port: settings.smtpPortIn, host: settings.host, variable: 'SMTP_PORT_IN', user: 'SMTP submission' },
  ].filter(({ port }) => port !== 0),
  ...(settings.hasSimulator ? simulatorPorts(settings) : []),
  ...placed.map(({ name, adminPort }) => ({
    port: adminPort,
    host: '127.0.0.1',
    variable: 'ADMIN_PORT',
    user: `the metrics of ${name}`,
  })),
];

const runFleet = async (
  settings: FleetSettings,
  checklist: Checklist,
  onStop: (close: () => Promise<void>) => void,
  appLog: ReturnType<typeof openAppLog>,
): Promise<void> => {
  const startedAt = Date.now();
  const { home } = settings;
  const recordFile = join(home, 'fleet.json');
  const living = livingSupervisor(recordFile);
  if (living !== undefined) {
    throw new ConfigError(
      `A fleet runs under ${home} already (pid ${living}). Stop it first, or give this one its own MAILFLEET_HOME and ports.`,
    );
  }
  const leftovers = await stopLeftovers(recordFile);
  if (leftovers > 0) checklist.say(`stopped ${leftovers} processes that an earlier run had left behind`);

  const postgres =
    settings.databaseUrl === undefined
      ? embeddedPostgres({ home, port: settings.postgresPort, password: settings.postgresPassword, say: checklist.say })
      : givenPostgres(settings.databaseUrl);
  const kafka =
    settings.kafkaBrokers === undefined
      ? await localKafka({
          home,
          jars: join(home, 'kafka', 'libs'),
          port: settings.kafkaPort,
          controllerPort: settings.kafkaControllerPort,
          say: checklist.say,
        })
      : givenKafka(settings.kafkaBrokers);
  const services = [postgres, kafka];
  await Promise.all(services.map((service) => service.clear()));

  const wanted = processes
    .filter(({ kind }) => kind !== 'simulator' || settings.hasSimulator)
    .filter(({ entry }) => existsSync(join(packageRoot, 'dist', `${entry}.js`)));
  const placed = placeProcesses(wanted, { copies: settings.copies, adminPort: settings.adminPort });
  const faults = await portFaults(portsOf(settings, placed, services));
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));

  const record = beginRecord(recordFile);
  const supervisor = supervise({ environment: settings.environment, appLog, record, say: checklist.say });
  onStop(async () => {
    // Consumers first, so that what they have in hand still finds its ESP, its topic and its table.
    await supervisor.stop(({ kind }) => kind === 'consumer' || kind === 'ticker');
    await supervisor.stop(() => true);
    await kafka.stop();
    await postgres.stop();
    record.remove();
  });

  await Promise.all(
    services.map(async (service) => {
      checklist.done(await service.start(), startedAt);
    }),
  );
  const storesFrom = Date.now();
  checklist.done(await prepareStores(settings.environment), storesFrom);
  const processesFrom = Date.now();
  await supervisor.start(placed, (name) => {
    checklist.done(name, processesFrom);
  });
  checklist.plain(welcome(settings, seconds(Date.now() - startedAt)));
};

/**
 * Brings everything up on this machine and stays until a signal; answers the exit code. What was started is stopped
 * again in every case: consumers, ingress, Kafka, Postgres.
 */
export const startFleet = async (options: StartOptions): Promise<number> => {
  let settings: FleetSettings;
  const { source, notices, faults } = readLayers(options.settings);
  for (const notice of notices) console.error(notice);
  if (faults.length > 0) {
    console.error(`${faults.map((fault) => `${colors.red('✗')} ${fault}`).join('\n')}\n(npm start -- --help)`);
    return 2;
  }
  try {
    settings = composeSettings(source);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`${colors.red('✗')} ${error.message}`);
    return 1;
  }
  mkdirSync(settings.home, { recursive: true });
  const appLog = openAppLog(join(settings.home, 'app.log'));
  const checklist = createChecklist(appLog);

  let close = (): Promise<void> => Promise.resolve();
  let firstSignalAt: number | undefined;
  const signalled = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (firstSignalAt === undefined) {
          firstSignalAt = Date.now();
          checklist.plain(`\nstopping (${signal}); once more ends everything at once`);
          resolve(0);
        } else if (Date.now() - firstSignalAt > sameWishMs) {
          process.exit(130);
        }
      });
    }
  });

  const failed = runFleet(settings, checklist, (closeAll) => (close = closeAll), appLog)
    .then(() => (options.demo ? runDemo(settings, options.demoSize) : undefined))
    .then(
      () => undefined,
      (error: unknown) => {
        // A stop in the middle of the start makes it fail; that is no news.
        if (firstSignalAt !== undefined) return 0;
        if (error instanceof ConfigError) checklist.failed(error.message);
        else checklist.failed(error instanceof Error ? (error.stack ?? error.message) : String(error));
        return 1;
      },
    );
  const exitCode = await Promise.race([signalled, failed.then((code) => code ?? signalled)]);
  const stoppingFrom = Date.now();
  await close();
  if (exitCode === 0) checklist.plain(`everything is stopped (${seconds(Date.now() - stoppingFrom)})`);
  await appLog.close();
  return exitCode;
};
