import { join, resolve } from 'node:path';
import { z } from 'zod';
import {
  adminEnv,
  grpcEnv,
  httpEnv,
  kafkaEnv,
  layeredSettings,
  openEnv,
  parseEnv,
  postgresEnv,
  simulatorEnv,
  smtpInEnv,
  type LayeredSettings,
  usualGrpcPort,
} from '../shared/config/env.ts';
import { packageRoot } from '../shared/config/package-root.ts';
import { portFaults } from './ports.ts';
import { livingSupervisor } from './run-record.ts';
import { publicKeyOf, readSecrets, type MadeSecrets } from './secrets.ts';
import { embeddedPostgresUrl } from './services/postgres-url.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const port = (fallback: number) => z.coerce.number().int().min(1).max(65_535).default(fallback);

const defaultHome = '.mailfleet';

/** What only `npm start` itself reads; the rest is read by the processes. */
export const fleetEnv = {
  MAILFLEET_HOME: z.string().min(1).default(defaultHome),
  KAFKA_PORT: port(19_092),
  KAFKA_CONTROLLER_PORT: port(19_093),
  POSTGRES_PORT: port(15_432),
  SIMULATOR: z.enum(['auto', 'on', 'off']).default('auto'),
  SIMULATOR_PORT: port(8090),
  SIMULATOR_SMTP_PORT: simulatorEnv.SIMULATOR_SMTP_PORT,
  SIMULATOR_SMTPS_PORT: simulatorEnv.SIMULATOR_SMTPS_PORT,
  CONSUMER_WORKERS: z.coerce.number().int().min(1).max(64).default(1),
};

const allEnv = {
  ...fleetEnv,
  ...openEnv,
  HOST: httpEnv.HOST,
  PORT: httpEnv.PORT,
  GRPC_PORT: grpcEnv.GRPC_PORT,
  SMTP_PORT_IN: smtpInEnv.SMTP_PORT_IN,
  ADMIN_PORT: adminEnv.ADMIN_PORT,
  KAFKA_BROKERS: kafkaEnv.KAFKA_BROKERS.optional(),
  DATABASE_URL: postgresEnv.DATABASE_URL.optional(),
};

/** Credentials any of which turn a real ESP on; a file of accounts holds nothing else. */
const espCredentials = [
  'SENDGRID_API_KEY',
  'POSTMARK_SERVER_TOKEN',
  'SPARKPOST_API_KEY',
  'SOCKETLABS_API_KEY',
  // Not the keys: those of AWS lie about on many machines, and alone they turn nothing on.
  'SES_CONFIGURATION_SET',
  'SES_BASE_URL',
  'SMTP_HOST',
  'ESP_ACCOUNTS_FILE',
];

export interface FleetSettings {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  /** 0 where it is off. */
  readonly grpcPort: number;
  /** 0 where it is off. */
  readonly smtpPortIn: number;
  /** Where this machine reaches the ingress. */
  readonly url: string;
  readonly kafkaBrokers: readonly string[] | undefined;
  readonly kafkaPort: number;
  readonly kafkaControllerPort: number;
  readonly databaseUrl: string | undefined;
  readonly postgresPort: number;
  readonly postgresPassword: string;
  readonly adminKey: string;
  readonly adminPort: number;
  readonly hasSimulator: boolean;
  readonly simulatorPort: number;
  /** 0 where it is off. */
  readonly simulatorSmtpPort: number;
  readonly simulatorSmtpsPort: number;
  readonly copies: number;
  /** What every process is started with. */
  readonly environment: Readonly<Record<string, string>>;
}

const isSet = (source: Environment, name: string): boolean =>
  [source[name], source[`${name}_FILE`]].some((value) => value !== undefined && value !== '');

/** `.env` of the package, with the variables of this process above it; beneath and above these, what `argv` says. */
export const readEnvironment = (argv: readonly string[] = []): Environment => readLayers(argv).source;

/** The same, with what was wrong with it and what the user should know. */
export const readLayers = (argv: readonly string[], others?: RegExp): LayeredSettings =>
  layeredSettings(argv, {
    folder: packageRoot,
    more: Object.keys(fleetEnv),
    ...(others === undefined ? {} : { others }),
  });

/**
 * None in production, where a certificate file is refused; none beside a signing key of one's own, whose certificate only
 * its owner has; and none with a real bucket, which is opened with what AWS finds, and these keys would be found first.
 */
const sesVariables = (
  source: Environment,
  { simulator }: MadeSecrets,
  simulatorUrl: string,
): Record<string, string> => {
  const stands = ['SIMULATOR_SES_PRIVATE_KEY', 'BLOB_S3_BUCKET'].some((name) => isSet(source, name));
  if (stands || source['NODE_ENV'] === 'production') return {};
  return {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIASIMULATOR',
    AWS_SECRET_ACCESS_KEY: simulator.sesSecretAccessKey,
    SES_BASE_URL: `${simulatorUrl}/ses`,
    SES_TOPIC_ARN: 'arn:aws:sns:us-east-1:000000000000:mailfleet-simulator',
    SES_SNS_CERT_FILE: simulator.snsCertificateFile,
    SIMULATOR_SES_PRIVATE_KEY: simulator.snsPrivateKey,
  };
};

const simulatorVariables = (
  source: Environment,
  secrets: MadeSecrets,
  options: { readonly url: string; readonly simulatorUrl: string; readonly smtpPort: number },
): Record<string, string> => {
  const { simulator } = secrets;
  const signingKey = source['SIMULATOR_SENDGRID_PRIVATE_KEY'] || simulator.sendgridPrivateKey;
  return {
    SIMULATOR_WEBHOOK_URL: `${options.url}/webhooks`,
    SIMULATOR_SENDGRID_PRIVATE_KEY: signingKey,
    SENDGRID_WEBHOOK_PUBLIC_KEY: publicKeyOf(signingKey),
    SENDGRID_API_KEY: simulator.sendgridApiKey,
    SENDGRID_BASE_URL: `${options.simulatorUrl}/sendgrid`,
    POSTMARK_SERVER_TOKEN: simulator.postmarkServerToken,
    POSTMARK_WEBHOOK_USER: 'simulator',
    POSTMARK_WEBHOOK_PASSWORD: simulator.postmarkWebhookPassword,
    POSTMARK_BASE_URL: `${options.simulatorUrl}/postmark`,
    SPARKPOST_API_KEY: simulator.sparkpostApiKey,
    SPARKPOST_WEBHOOK_USER: 'simulator',
    SPARKPOST_WEBHOOK_PASSWORD: simulator.sparkpostWebhookPassword,
    SPARKPOST_BASE_URL: `${options.simulatorUrl}/sparkpost`,
    SOCKETLABS_SERVER_ID: '10001',
    SOCKETLABS_API_KEY: simulator.socketlabsApiKey,
    SOCKETLABS_WEBHOOK_SECRET: simulator.socketlabsWebhookSecret,
    SOCKETLABS_BASE_URL: `${options.simulatorUrl}/socketlabs`,
    ...sesVariables(source, secrets, options.simulatorUrl),
    // Port 0 turns the simulated relay off, and with it this ESP.
    ...(options.smtpPort === 0
      ? {}
      : {
          SMTP_HOST: '127.0.0.1',
          SMTP_PORT: String(options.smtpPort),
          SMTP_USER: 'simulator',
          SMTP_PASS: simulator.smtpPassword,
        }),
  };
};

/** An address to connect to: a server may listen on all of them, a client must name one. */
const connectable = (host: string): string => {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
};

/** Settles what the fleet runs on and with: whatever `source` sets stands, the rest is filled in. Throws `ConfigError`. */
export const composeSettings = (
  source: Environment,
  secretsOf: (home: string) => MadeSecrets = readSecrets,
): FleetSettings => {
  const env = parseEnv(allEnv, source);
  const home = resolve(packageRoot, env.MAILFLEET_HOME);
  const secrets = secretsOf(home);
  const url = `http://${connectable(env.HOST)}:${env.PORT}`;
  const grpcPort = env.GRPC_PORT ?? usualGrpcPort;
  const hasRealEsp = espCredentials.some((name) => isSet(source, name));
  const hasSimulator = env.SIMULATOR === 'on' || (env.SIMULATOR === 'auto' && !hasRealEsp);

  const filledIn: Record<string, string> = {
    KAFKA_BROKERS: `127.0.0.1:${env.KAFKA_PORT}`,
    DATABASE_URL: embeddedPostgresUrl(env.POSTGRES_PORT, secrets.postgresPassword),
    HOST: env.HOST,
    PORT: String(env.PORT),
    GRPC_PORT: String(grpcPort),
    SMTP_PORT_IN: String(env.SMTP_PORT_IN),
    // What names no sender itself must be from somebody; with real ESPs that is for their owner to say.
    ...(hasSimulator ? { MAIL_FROM: 'mailfleet <no-reply@mailfleet.example>' } : {}),
    PUBLIC_URL: `http://${env.HOST}:${env.PORT}`,
    ADMIN_API_KEY: secrets.adminKey,
    JWT_SECRET: secrets.jwtSecret,
    MAILFLEET_HOME: home,
    BLOB_DIR: join(home, 'blobs'),
    SIMULATOR_PORT: String(env.SIMULATOR_PORT),
    SIMULATOR_SMTP_PORT: String(env.SIMULATOR_SMTP_PORT),
    SIMULATOR_SMTPS_PORT: String(env.SIMULATOR_SMTPS_PORT),
    ...(hasSimulator
      ? simulatorVariables(source, secrets, {
          url,
          simulatorUrl: `http://127.0.0.1:${env.SIMULATOR_PORT}`,
          smtpPort: env.SIMULATOR_SMTP_PORT,
        })
      : {}),
  };
  const missing = Object.entries(filledIn).filter(([name]) => !isSet(source, name));
  const given = Object.entries(source).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const environment = Object.fromEntries([...given, ...missing]);

  return {
    home,
    host: env.HOST,
    port: env.PORT,
    grpcPort,
    smtpPortIn: env.SMTP_PORT_IN,
    url,
    kafkaBrokers: env.KAFKA_BROKERS,
    kafkaPort: env.KAFKA_PORT,
    kafkaControllerPort: env.KAFKA_CONTROLLER_PORT,
    databaseUrl: env.DATABASE_URL,
    postgresPort: env.POSTGRES_PORT,
    postgresPassword: secrets.postgresPassword,
    adminKey: environment['ADMIN_API_KEY'] ?? secrets.adminKey,
    adminPort: env.ADMIN_PORT,
    hasSimulator,
    simulatorPort: env.SIMULATOR_PORT,
    simulatorSmtpPort: env.SIMULATOR_SMTP_PORT,
    simulatorSmtpsPort: env.SIMULATOR_SMTPS_PORT,
    copies: env.CONSUMER_WORKERS,
    environment,
  };
};

/** What a process that is started alone lacks to join the fleet that `npm start` keeps on this machine; none, nothing. */
export const joinLocalFleet = async (argv: readonly string[] = []): Promise<Readonly<Record<string, string>>> => {
  const source = readEnvironment(argv);
  const home = resolve(packageRoot, source['MAILFLEET_HOME'] || defaultHome);
  if (livingSupervisor(join(home, 'fleet.json')) === undefined) return {};
  const { environment, adminPort } = composeSettings(source);
  const missing = Object.entries(environment).filter(([name]) => !isSet(source, name));
  // The admin port that this process would take by default is mostly the fleet's own; then any free one will do.
  const use = { port: adminPort, host: '127.0.0.1', variable: 'ADMIN_PORT', user: 'this process' };
  const isTaken = (await portFaults([use])).length > 0;
  return { ...Object.fromEntries(missing), ADMIN_PORT: isTaken ? '0' : String(adminPort) };
};
