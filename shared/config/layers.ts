// Where settings come from besides the environment: a file named by --config, and flags. Everything becomes variables by the
// names of `contract` §2, so that whatever reads them knows one form.
import { extname } from 'node:path';
import { parse as parseYaml } from 'yaml';

export interface ReadLayer {
  readonly values: Readonly<Record<string, string>>;
  /** What the user should know of it: a line each. */
  readonly notices: readonly string[];
  readonly faults: readonly string[];
}

// The names that the catch-all seed gave its settings.
const aliases: Readonly<Record<string, string>> = {
  CACHE: 'VERDICT_CACHE',
  CACHE_TTL: 'VERDICT_CACHE_TTL',
  WORKERS: 'WORKERS_PER_CONSUMER',
  HTTP_PORT: 'PORT',
  SERVER_REQUEST_TIMEOUT: 'HTTP_REQUEST_TIMEOUT',
  SERVER_READ_TIMEOUT: 'HTTP_REQUEST_TIMEOUT',
  READ_TIMEOUT: 'HTTP_REQUEST_TIMEOUT',
  SERVER_IDLE_TIMEOUT: 'HTTP_IDLE_TIMEOUT',
  IDLE_TIMEOUT: 'HTTP_IDLE_TIMEOUT',
  SERVER_WRITE_TIMEOUT: 'HTTP_IDLE_TIMEOUT',
  WRITE_TIMEOUT: 'HTTP_IDLE_TIMEOUT',
  SERVER_PORT: 'PORT',
  SERVER_HOST: 'HOST',
};

// What the seeds had and this fleet has otherwise.
const replaced: Readonly<Record<string, string>> = {
  MONGODB: 'mongodb is not used: domains are counted in Postgres (DATABASE_URL)',
  MONGODB_URI: 'mongodb_uri is not used: domains are counted in Postgres (DATABASE_URL)',
  PROCESSOR: 'processor is not used: the consumer delivery-events counts (--workers=N: partitions side by side)',
  REDIS_URI: 'redis_uri is not used: tasks travel on Kafka (KAFKA_BROKERS)',
  METRICS_INTERVAL: 'metrics.interval is not used: /metrics is worked out when it is asked for',
};

const isSecret = (name: string): boolean => /KEY|SECRET|PASS|TOKEN|DATABASE_URL/.test(name);

/** `cache-ttl`, `cacheTtl`, `cache_ttl`, `CACHE_TTL`: one name. */
const variableOf = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[-.]/g, '_')
    .toUpperCase();

const settle = (
  entries: readonly (readonly [string, string])[],
  known: ReadonlySet<string>,
  where: (name: string) => string,
): ReadLayer => {
  const values: Record<string, string> = {};
  const notices: string[] = [];
  const faults: string[] = [];
  for (const [name, value] of entries) {
    const variable = variableOf(name);
    const target = known.has(variable) ? variable : (aliases[variable] ?? variable);
    const notice = replaced[variable];
    if (notice !== undefined) notices.push(`${where(name)}: ${notice}`);
    else if (!known.has(target)) faults.push(`${where(name)}: there is no such setting`);
    else values[target] = value;
  }
  return { values, notices, faults };
};

const flatten = (json: object, prefix = ''): (readonly [string, string])[] =>
  Object.entries(json).flatMap(([name, value]: [string, unknown]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (Array.isArray(value)) return [[path, value.join(',')] as const];
    if (typeof value === 'object' && value !== null) return flatten(value, path);
    if (typeof value === 'boolean') return [[path, value ? '1' : '0'] as const];
    return typeof value === 'string' || typeof value === 'number' ? [[path, String(value)] as const] : [];
  });

/** Reads the text of a configuration file. Nested objects are names with a dot: `cache: { ttl }` is `cache.ttl`. */
export const readConfigFile = (path: string, text: string, known: ReadonlySet<string>): ReadLayer => {
  const none = { values: {}, notices: [] };
  const isYaml = /^\.ya?ml$/i.test(extname(path));
  let json: unknown;
  try {
    json = isYaml ? parseYaml(text) : JSON.parse(text);
  } catch {
    return { ...none, faults: [`--config: ${path} is not ${isYaml ? 'YAML' : 'JSON'}`] };
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return { ...none, faults: [`--config: ${path} does not hold an object`] };
  }
  return settle(flatten(json), known, (name) => `${path}, ${name}`);
};

/** The file that `--config` names, if any; also `-config`, and with the name as a word of its own. */
export const configFileOf = (argv: readonly string[]): string | undefined => {
  for (const [index, argument] of argv.entries()) {
    const [, value] = /^--?config(?:=(.*))?$/s.exec(argument) ?? [];
    if (value !== undefined) return value;
    if (/^--?config$/.test(argument)) return argv[index + 1] ?? '';
  }
  return undefined;
};

/**
 * Reads flags, with one dash or two: `--cache-ttl=5m`, `--cache`, `--no-cache`, `-workers=16`. Arguments that are none, and
 * those in `others`, belong to somebody else. Secrets are refused: everybody on the machine can read a command line.
 */
export const readFlags = (argv: readonly string[], known: ReadonlySet<string>, others: RegExp = /^$/): ReadLayer => {
  const entries: (readonly [string, string])[] = [];
  const faults: string[] = [];
  for (const argument of argv) {
    const [, name, value] = /^--?([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined || name === 'config' || others.test(argument)) continue;
    const variable = variableOf(name);
    if (known.has(variable) && isSecret(variable)) {
      faults.push(`--${name}: a secret does not belong on a command line; set ${variable} or ${variable}_FILE`);
    } else if (value === undefined && /^no-/.test(name)) entries.push([name.slice(3), '0']);
    else entries.push([name, value ?? '1']);
  }
  const settled = settle(entries, known, (name) => `--${name}`);
  return { ...settled, faults: [...faults, ...settled.faults] };
};

/** What may be shown of a value: nothing of a secret, and no password of an address. */
export const redacted = (name: string, value: string): string => {
  if (name === 'DATABASE_URL') return value.replace(/\/\/([^:@/]*):[^@]*@/, '//$1:***@');
  if (name.endsWith('_FILE')) return value;
  return isSecret(name) && value !== '' ? '***' : value;
};

// The names that the older systems gave the settings of their mail server.
const environmentAliases: Readonly<Record<string, string>> = {
  HTTP_PORT: 'PORT',
  EMAIL_HOST: 'SMTP_HOST',
  EMAIL_PORT: 'SMTP_PORT',
  EMAIL: 'SMTP_USER',
  APP_PASSWORD: 'SMTP_PASS',
  smtp_server: 'SMTP_HOST',
  smtp_port: 'SMTP_PORT',
  smtp_user: 'SMTP_USER',
  smtp_pass: 'SMTP_PASS',
};
const environmentNotices: Readonly<Record<string, string>> = {
  redis_uri: 'redis_uri is not used: tasks travel on Kafka (KAFKA_BROKERS)',
};

// What the gRPC server listened on under the name PORT.
const seedGrpcPort = '40700';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Variables as the older systems named them, under our names; ours win. `PORT=40700` without a `GRPC_PORT` is the gRPC
 * port. `WORKERS` beside a mail server of theirs is how many connections it has.
 */
export const readAliases = (
  given: Variables,
): { readonly values: Record<string, string>; readonly notices: readonly string[] } => {
  const values: Record<string, string> = {};
  const notices: string[] = [];
  for (const [alias, name] of Object.entries(environmentAliases)) {
    const value = given[alias];
    if (value !== undefined && value !== '' && !given[name]) values[name] ??= value;
  }
  const { WORKERS: workers } = given;
  if (workers && (given['EMAIL_HOST'] || given['smtp_server']) && !given['SMTP_CONNECTIONS'])
    values['SMTP_CONNECTIONS'] = workers;
  for (const [name, notice] of Object.entries(environmentNotices)) if (given[name]) notices.push(notice);
  return { values, notices };
};

/** The ports, where PORT is that of the gRPC server. Changes nothing where `GRPC_PORT` is set. */
export const seedPorts = (given: Variables): { readonly grpcPort: string; readonly notice: string } | undefined =>
  given['PORT'] === seedGrpcPort && !given['GRPC_PORT']
    ? { grpcPort: seedGrpcPort, notice: `PORT=${seedGrpcPort} is read as GRPC_PORT; HTTP keeps its usual port` }
    : undefined;
