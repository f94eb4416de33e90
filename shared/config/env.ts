import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { parseEnv as parseDotEnv } from 'node:util';
import { z } from 'zod';
import { durationMs } from '../domain/duration.ts';
import { usualThreshold } from '../domain/judge-domain.ts';
import { isLoopback } from '../domain/loopback.ts';
import { weightPolicies } from '../domain/weigh-esps.ts';
import { ConfigError } from '../errors.ts';
import { configFileOf, readAliases, readConfigFile, readFlags, seedPorts, type ReadLayer } from './layers.ts';

// The one reader of the environment. Each group belongs to one concern; a process names the groups that it needs, so it
// never refuses to start over a setting that is not its own. `.env.example` is held to these groups by a test.

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);
const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback);
const flag = (fallback: boolean) =>
  z
    .enum(['0', '1', 'true', 'false', 'on', 'off'])
    .transform((value) => value === '1' || value === 'true' || value === 'on')
    .default(fallback);
/** As text, so that documents and `config print` show what was written; `durationMs` reads it. */
const duration = (fallback: string) =>
  z
    .string()
    .refine((text) => durationMs(text) > 0, { error: 'must be a time such as 500ms, 30s, 5m or 1h' })
    .default(fallback);
const optional = z.string().min(1).optional();
const optionalUrl = z.url().optional();
const topicName = (fallback: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,200}$/)
    .default(fallback);

const listed = (list: string): string[] =>
  list
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);

export const kafkaEnv = {
  KAFKA_BROKERS: z.string().transform(listed).pipe(z.array(z.string()).min(1)),
  KAFKA_OFFSET_RESET: z.enum(['earliest', 'latest']).default('earliest'),
  /** Raised by an operator after a topic was made anew on the same cluster: the offset fence then starts afresh. */
  KAFKA_EPOCH: z.coerce.number().int().min(0).default(0),
  KAFKA_EMAIL_TOPIC: topicName('email-send'),
  WEBHOOK_TOPIC_SENDGRID: topicName('webhook-sendgrid'),
  WEBHOOK_TOPIC_POSTMARK: topicName('webhook-postmark'),
  WEBHOOK_TOPIC_SPARKPOST: topicName('webhook-sparkpost'),
  WEBHOOK_TOPIC_SOCKETLABS: topicName('webhook-socketlabs'),
  WEBHOOK_TOPIC_SES: topicName('webhook-ses'),
  KAFKA_DELIVERY_TOPIC: topicName('delivery-events'),
  KAFKA_VERDICT_TOPIC: topicName('domain-verdicts'),
  KAFKA_OUTCOME_TOPIC: topicName('email-outcomes'),
  KAFKA_TASK_TOPIC: topicName('tasks'),
};

export const postgresEnv = { DATABASE_URL: z.string().min(1) };

const isNetwork = (text: string): boolean => {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
};

export const httpEnv = {
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port(8080),
  PUBLIC_URL: optionalUrl,
  MAX_BODY_BYTES: count(1_048_576),
  MAX_MESSAGE_BYTES: count(26_214_400),
  /** Whose X-Forwarded-For is believed. */
  TRUSTED_PROXIES: z
    .string()
    .default('')
    .transform(listed)
    .pipe(
      z.array(z.string().refine(isNetwork, { error: 'must be addresses or networks such as 10.0.0.0/8, by commas' })),
    ),
  ADDRESS_REQUESTS_PER_MINUTE: count(600_000),
  ADDRESS_FAILURES_PER_MINUTE: count(600),
  HTTP_REQUEST_TIMEOUT: duration('15s'),
  HTTP_IDLE_TIMEOUT: duration('30s'),
};

/** For what existing clients of the seeds speak to: routes of theirs, gRPC. */
export const openEnv = { AUTH_OPEN: flag(false) };

/** No process starts with a short secret; in production, none with one that can be guessed either. */
const secret = z.string().refine((text) => Buffer.byteLength(text) >= 32, { error: 'must have 32 bytes or more' });

// Of examples and tutorials: what was made of them can be guessed by whoever reads them too.
// None is so short that chance would write it into random characters.
const wordsOfExamples =
  /my[-_ ]?secret|change[-_ ]?(me|it|this)|your[-_ ](secret|key|256)|example|password|default|placeholder/i;
const fewestCharacters = 10;
const isGuessable = (text: string): boolean => wordsOfExamples.test(text) || new Set(text).size < fewestCharacters;

/** For processes that write links; outside production JWT_SECRET may be left out, and then no mail can name a list. */
export const linkEnv = {
  HOST: httpEnv.HOST,
  PORT: httpEnv.PORT,
  PUBLIC_URL: httpEnv.PUBLIC_URL,
  JWT_SECRET: secret.optional(),
};

/** Where others reach the ingress. */
export const publicUrlOf = (env: {
  readonly HOST: string;
  readonly PORT: number;
  readonly PUBLIC_URL?: string | undefined;
}): string => env.PUBLIC_URL ?? `http://${env.HOST}:${env.PORT}`;

/** For the processes at the door alone. Outside production JWT_SECRET may be left out. */
export const secretsEnv = { ADMIN_API_KEY: secret, JWT_SECRET: secret.optional() };

/** One-time codes. Times in seconds; 0 turns a limit off. */
export const otpEnv = {
  OTP_LIFESPAN_SECONDS: count(300),
  OTP_RESEND_SECONDS: z.coerce.number().int().min(0).default(30),
  OTP_MAX_PER_HOUR: z.coerce.number().int().min(0).max(1_000).default(5),
  OTP_ECHO: flag(false),
};

/** SMTP submission; 0 turns it off. Outside this machine it needs a certificate, PEM both. */
export const smtpInEnv = {
  SMTP_PORT_IN: port(2525),
  SMTP_IN_CERT: optional,
  SMTP_IN_KEY: optional,
};

/** How often codes that are over are cleaned up; the seconds win where both are set. */
export const otpCleanupEnv = {
  OTP_CLEANUP_MINUTES: count(5),
  OTP_CLEANUP_SECONDS: z.coerce.number().int().min(1).optional(),
};

/** How often the ESPs' own suppression lists are read; 0 turns it off. */
export const suppressionEnv = { SUPPRESSION_PULL_MINUTES: z.coerce.number().int().min(0).max(1_440).default(15) };

/** Who mail is from that names no sender itself. */
export const senderEnv = { MAIL_FROM: optional };

/** Of the gRPC door, where no other is set. */
export const usualGrpcPort = 40_700;

/** The gRPC door; 0 turns it off. */
export const grpcEnv = { GRPC_PORT: z.coerce.number().int().min(0).max(65_535).optional() };

/** How long what is not needed any more is kept, in days. Events are what repeats are known by: ESPs retry for days. */
export const retentionEnv = {
  RETENTION_BODY_DAYS: count(30),
  RETENTION_EVENT_DAYS: z.coerce.number().int().min(8).default(90),
  RETENTION_DEAD_LETTER_DAYS: z.coerce.number().int().min(8).default(90),
};

/** Where the command line finds the fleet, when it is not the one of this machine. */
export const cliEnv = {
  MAILFLEET_URL: optionalUrl,
  MAILFLEET_API_KEY: optional,
  PUBLIC_URL: optionalUrl,
  ADMIN_API_KEY: optional,
};

/** For failure tests (`shared/runtime/failpoint.ts`); refused in production. */
export const failpointEnv = { FAILPOINT: optional, NODE_ENV: optional };

export const adminEnv = { ADMIN_PORT: port(9464), METRICS_ENABLED: flag(true) };

export const logEnv = {
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  LOG_FILE: optional,
};

export const workerEnv = { WORKERS_PER_CONSUMER: count(4) };

/** How long mail that no ESP takes is tried. */
export const lifetimeEnv = {
  OTP_LIFESPAN_SECONDS: count(300),
  GIVE_UP_TRANSACTIONAL_HOURS: count(24),
  GIVE_UP_BULK_HOURS: count(72),
};

export const weightEnv = { WEIGHT_POLICY: z.enum(weightPolicies).default('adaptive') };

export const healthEnv = {
  HEALTHY_THRESHOLD: count(6),
  UNHEALTHY_THRESHOLD: count(2),
  HEALTH_ROUND_SECONDS: count(5),
};

export const domainEnv = { DELIVERED_THRESHOLD: count(usualThreshold) };

/** The cache in front of questions for verdicts. */
export const verdictEnv = { VERDICT_CACHE: flag(true), VERDICT_CACHE_TTL: duration('5m') };

export const blobEnv = {
  /** Folder for content above 256 KiB; every process of the fleet must see the same one. */
  BLOB_DIR: z.string().min(1).default('.mailfleet/blobs'),
  BLOB_S3_BUCKET: optional,
};

/** An ESP is on when its credentials are set. */
export const sendgridEnv = {
  SENDGRID_API_KEY: optional,
  SENDGRID_WEBHOOK_PUBLIC_KEY: optional,
  SENDGRID_BASE_URL: optionalUrl,
};
export const postmarkEnv = {
  POSTMARK_SERVER_TOKEN: optional,
  POSTMARK_WEBHOOK_USER: optional,
  POSTMARK_WEBHOOK_PASSWORD: optional,
  POSTMARK_MESSAGE_STREAM: optional,
  POSTMARK_BASE_URL: optionalUrl,
};
export const sparkpostEnv = {
  SPARKPOST_API_KEY: optional,
  SPARKPOST_WEBHOOK_USER: optional,
  SPARKPOST_WEBHOOK_PASSWORD: optional,
  SPARKPOST_BASE_URL: optionalUrl,
};
export const socketlabsEnv = {
  SOCKETLABS_SERVER_ID: optional,
  SOCKETLABS_API_KEY: optional,
  SOCKETLABS_WEBHOOK_SECRET: optional,
  /** What SocketLabs' validation handshake wants to read; the webhook secret where it is not set. */
  SOCKETLABS_VALIDATION_KEY: optional,
  SOCKETLABS_BASE_URL: optionalUrl,
};
export const sesEnv = {
  AWS_REGION: optional,
  AWS_ACCESS_KEY_ID: optional,
  AWS_SECRET_ACCESS_KEY: optional,
  SES_CONFIGURATION_SET: optional,
  SES_TOPIC_ARN: optional,
  SES_BASE_URL: optionalUrl,
  /** PEM of a certificate used instead of fetching SigningCertURL; for the simulator, refused in production. */
  SES_SNS_CERT_FILE: optional,
  NODE_ENV: optional,
};
export const smtpEnv = {
  SMTP_HOST: optional,
  SMTP_PORT: port(465),
  SMTP_USER: optional,
  SMTP_PASS: optional,
  SMTP_SECURE: z.enum(['auto', 'implicit', 'starttls', 'none']).default('auto'),
  SMTP_CONNECTIONS: count(5),
};
/** Further accounts, each with the variables of its kind's group (`shared/esp/accounts.ts`). */
export const accountsEnv = { ESP_ACCOUNTS_FILE: optional };
export const espEnv = {
  ...sendgridEnv,
  ...postmarkEnv,
  ...sparkpostEnv,
  ...socketlabsEnv,
  ...sesEnv,
  ...smtpEnv,
  ...accountsEnv,
};

export const simulatorEnv = {
  SIMULATOR_PORT: port(8090),
  /** Where the simulated ESPs post their webhooks; the ESP's name is added. */
  SIMULATOR_WEBHOOK_URL: z.url().default('http://127.0.0.1:8080/webhooks'),
  /** PEM of the key that signs SendGrid's webhooks; its public half is SENDGRID_WEBHOOK_PUBLIC_KEY. */
  SIMULATOR_SENDGRID_PRIVATE_KEY: optional,
  /** Basic credentials of Postmark's webhooks: the same that the ingress knows. */
  POSTMARK_WEBHOOK_USER: optional,
  POSTMARK_WEBHOOK_PASSWORD: optional,
  /** The credentials the simulated ESPs ask for; unset, any is taken. */
  SENDGRID_API_KEY: optional,
  POSTMARK_SERVER_TOKEN: optional,
  SPARKPOST_API_KEY: optional,
  SPARKPOST_WEBHOOK_USER: optional,
  SPARKPOST_WEBHOOK_PASSWORD: optional,
  SOCKETLABS_SERVER_ID: optional,
  SOCKETLABS_API_KEY: optional,
  SOCKETLABS_WEBHOOK_SECRET: optional,
  AWS_ACCESS_KEY_ID: optional,
  SES_TOPIC_ARN: optional,
  /** PEM of the RSA key that signs the simulated SNS messages; SES_SNS_CERT_FILE holds its certificate. */
  SIMULATOR_SES_PRIVATE_KEY: optional,
  SIMULATOR_SMTP_PORT: port(2526),
  SIMULATOR_SMTPS_PORT: port(4465),
  SMTP_USER: optional,
  SMTP_PASS: optional,
  SIMULATOR_SEED: z.coerce.number().int().default(1),
};

/** Calls to URLs that users name. */
export const webhookOutEnv = {
  /** For developers: addresses that are not of the public internet may be called too, this machine's own without TLS. */
  WEBHOOK_ALLOW_PRIVATE: flag(false),
};

/** For documents and their test: every group by name. */
export const envGroups = {
  webhookOutEnv,
  kafkaEnv,
  postgresEnv,
  httpEnv,
  linkEnv,
  openEnv,
  secretsEnv,
  otpEnv,
  otpCleanupEnv,
  senderEnv,
  suppressionEnv,
  grpcEnv,
  smtpInEnv,
  cliEnv,
  failpointEnv,
  adminEnv,
  logEnv,
  workerEnv,
  lifetimeEnv,
  weightEnv,
  healthEnv,
  domainEnv,
  verdictEnv,
  blobEnv,
  retentionEnv,
  sendgridEnv,
  postmarkEnv,
  sparkpostEnv,
  socketlabsEnv,
  sesEnv,
  smtpEnv,
  accountsEnv,
  simulatorEnv,
};

type Shape = Record<string, z.ZodType>;
type Values<S extends Shape> = { readonly [K in keyof S]: z.infer<S[K]> };
type Source = Readonly<Record<string, string | undefined>>;

/** `NAME_FILE` holds the path of a file with the value: how container platforms hand over secrets. */
const lookUp = (name: string, source: Source, faults: string[]): string | undefined => {
  const direct = source[name];
  if (direct !== undefined && direct !== '') return direct;
  const file = source[`${name}_FILE`];
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    faults.push(`${name}_FILE: the file cannot be read`);
    return undefined;
  }
};

const productionFaults = (raw: Readonly<Record<string, string | undefined>>): readonly string[] =>
  Object.entries(raw).flatMap(([name, value]) => {
    if (!(name in secretsEnv)) return [];
    if (value === undefined) return name === 'JWT_SECRET' ? [`${name}: is not set`] : [];
    return isGuessable(value)
      ? [`${name}: can be guessed: make it of random characters, such as openssl rand -base64 32 prints`]
      : [];
  });

// Who needs no key is whoever reaches the port: nobody but this machine may.
const openFaults = (isOpen: boolean, source: Source): readonly string[] => {
  if (!isOpen) return [];
  const host = source['HOST'] || '127.0.0.1';
  return [
    ...(isLoopback(host)
      ? []
      : [`AUTH_OPEN: needs no key of anybody, so HOST must be this machine alone (127.0.0.1), not ${host}`]),
    ...(source['NODE_ENV'] === 'production' ? ['AUTH_OPEN: must not be on with NODE_ENV=production'] : []),
  ];
};

const privateFaults = (isAllowed: boolean, source: Source): readonly string[] =>
  isAllowed && source['NODE_ENV'] === 'production'
    ? ['WEBHOOK_ALLOW_PRIVATE: must not be on with NODE_ENV=production']
    : [];
const isOn = (value: string | undefined): boolean => ['1', 'true', 'on'].includes(value ?? '');

/** The values of the named groups, or every fault by the variable's name, never with its value. */
export const checkEnv = <S extends Shape>(
  shape: S,
  source: Source,
): { readonly values: Values<S> } | { readonly faults: readonly string[] } => {
  const faults: string[] = [];
  const raw = Object.fromEntries(Object.keys(shape).map((name) => [name, lookUp(name, source, faults)]));
  const parsed = z.object(shape).safeParse(raw);
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]);
    faults.push(raw[name] === undefined ? `${name}: is not set` : `${name}: ${issue.message}`);
  }
  faults.push(...openFaults(isOn(raw['AUTH_OPEN']), source));
  faults.push(...privateFaults(isOn(raw['WEBHOOK_ALLOW_PRIVATE']), source));
  if (source['NODE_ENV'] === 'production') faults.push(...productionFaults(raw));
  return faults.length > 0 || !parsed.success ? { faults } : { values: Object.freeze(parsed.data) as Values<S> };
};

/** One error for everything that is wrong with settings. */
export const faultySettings = (faults: readonly string[]): ConfigError =>
  new ConfigError(`The settings cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);

/** Reads the named groups once. Returns a frozen object; throws one `ConfigError` that lists every fault. */
export const parseEnv = <S extends Shape>(shape: S, source: Source): Values<S> => {
  const checked = checkEnv(shape, source);
  if ('faults' in checked) throw faultySettings(checked.faults);
  return checked.values;
};

/** Where a value comes from, as `config print` says it. */
export type ValueSource = 'default' | 'file' | '.env' | 'npm start' | 'environment' | 'flag';

export interface LayeredSettings {
  /** What is set, by whatever means; a later layer has won. */
  readonly source: Source;
  readonly from: Readonly<Record<string, ValueSource>>;
  readonly notices: readonly string[];
  readonly faults: readonly string[];
}

const settingNames = Object.values(envGroups).flatMap((group) => Object.keys(group));

/**
 * The settings of this process from all that may hold some: the file named by `--config`, then `.env` (of the folder) and the
 * environment, then flags. `more`: names that are settings besides those of the groups here.
 */
export const layeredSettings = (
  argv: readonly string[],
  {
    folder = '.',
    more = [],
    others,
  }: { readonly folder?: string; readonly more?: readonly string[]; readonly others?: RegExp } = {},
): LayeredSettings => {
  const known = new Set([...settingNames, ...more]);
  const none: ReadLayer = { values: {}, notices: [], faults: [] };
  const path = configFileOf(argv);
  let file = none;
  if (path !== undefined) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
    file =
      text === undefined
        ? { ...none, faults: [`--config: there is no file ${path}`] }
        : readConfigFile(path, text, known);
  }
  const flags = readFlags(argv, known, others);
  const dotEnvFile = join(folder, '.env');
  const dotEnv = existsSync(dotEnvFile) ? parseDotEnv(readFileSync(dotEnvFile, 'utf8')) : {};
  // What fleet/run.mjs took from the fleet of this machine, since nothing else set it.
  const joined = new Set(listed(process.env['MAILFLEET_JOINED'] ?? ''));
  const environment: Record<string, string> = {};
  const from: Record<string, ValueSource> = {};
  const lay = (values: Source, source: ValueSource): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || value === '') continue;
      environment[name] = value;
      // A file with a secret is the secret, and wins over one that lies beneath.
      const secret = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : name;
      if (secret !== name && !values[secret]) Reflect.deleteProperty(environment, secret);
      from[name] = source;
    }
  };
  const own = Object.entries(process.env);
  lay(Object.fromEntries(own.filter(([name]) => joined.has(name))), 'npm start');
  lay(file.values, 'file');
  const outside = Object.fromEntries(own.filter(([name]) => !joined.has(name)));
  const aliased = readAliases({ ...dotEnv, ...outside });
  lay(aliased.values, 'environment');
  lay(dotEnv, '.env');
  lay(outside, 'environment');
  lay(flags.values, 'flag');
  const ports = seedPorts(environment);
  if (ports !== undefined) {
    environment['GRPC_PORT'] = ports.grpcPort;
    Reflect.deleteProperty(environment, 'PORT');
  }
  return {
    source: environment,
    from,
    notices: [...file.notices, ...aliased.notices, ...flags.notices, ...(ports === undefined ? [] : [ports.notice])],
    faults: [...file.faults, ...flags.faults],
  };
};

/**
 * The named groups from the environment of this process, with `.env` of the working directory beneath it; with `argv` also
 * from the file that `--config` names and from flags. What the user should know is said on stderr.
 */
export const readEnv = <S extends Shape>(shape: S, argv: readonly string[] = []): Values<S> => {
  const { source, notices, faults } = layeredSettings(argv);
  for (const notice of notices) process.stderr.write(`${notice}\n`);
  // SDKs look for credentials of theirs in the environment themselves.
  for (const [name, value] of Object.entries(source)) process.env[name] ??= value;
  const checked = checkEnv(shape, source);
  const all = [...faults, ...('faults' in checked ? checked.faults : [])];
  if ('faults' in checked || all.length > 0) throw faultySettings(all);
  return checked.values;
};
