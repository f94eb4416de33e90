import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { checkEnv, faultySettings } from '../config/env.ts';
import { espName } from '../contracts/esp-name.ts';
import { webhookEsps, type WebhookEsp } from '../contracts/topics.ts';
import { ConfigError } from '../errors.ts';
import { espKinds, type Esp, type ListSuppressions, type VerifyWebhook } from './esp.ts';
import { providers, type EspSettings, type Provider } from './providers.ts';

// An ESP has a name and a kind. The variables of the environment make the first account of each kind, named like the
// kind; a file holds any number of others, each with the same variables as its own settings.

/** One account with an ESP. It is on when its provider finds its credentials among the settings. */
export interface EspAccount {
  readonly name: string;
  readonly provider: Provider;
  readonly settings: EspSettings;
}

const accountsFile = z.strictObject({
  accounts: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.string(),
      settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    }),
  ),
});
type Entry = z.infer<typeof accountsFile>['accounts'][number];

const where = 'ESP_ACCOUNTS_FILE';

const readEntries = (path: string): readonly Entry[] => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw faultySettings([`${where}: the file cannot be read`]);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // What a parser says of it quotes the text, and the text holds keys.
    throw faultySettings([`${where}: the file is not JSON`]);
  }
  const parsed = accountsFile.safeParse(json);
  if (parsed.success) return parsed.data.accounts;
  throw faultySettings(
    parsed.error.issues.map(({ path, message }) => `${where}: ${path.map(String).join('.') || 'it'}: ${message}`),
  );
};

/** Names that an entry may set: its kind's variables and their `_FILE` forms. What NODE_ENV is, no account decides. */
const settable = ({ group }: Provider): ReadonlySet<string> =>
  new Set(Object.keys(group).flatMap((name) => (name === 'NODE_ENV' ? [] : [name, `${name}_FILE`])));

const readEntry = (
  { kind, settings }: Entry,
  nodeEnv: string | undefined,
): { readonly provider: Provider; readonly settings: EspSettings } | { readonly faults: readonly string[] } => {
  const provider = providers.find((candidate) => candidate.kind === kind);
  if (provider === undefined) return { faults: [`kind: is none of ${espKinds.join(', ')}`] };
  const names = settable(provider);
  const unknown = Object.keys(settings).filter((name) => !names.has(name));
  const source = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
  const checked = checkEnv(provider.group, { ...source, NODE_ENV: nodeEnv });
  // Its group's own schemas made them, which are those of `EspSettings`.
  const values = 'values' in checked ? (checked.values as EspSettings) : {};
  // What could not be read is told already.
  const missing =
    'values' in checked ? provider.needs.filter((names) => names.every((name) => values[name] === undefined)) : [];
  const faults = [
    ...unknown.map((name) => `${name}: is no setting of ${kind}`),
    ...('faults' in checked ? checked.faults : []),
    ...missing.map((names) => `${names.join(' or ')}: is not set`),
  ];
  return faults.length > 0 ? { faults } : { provider, settings: values };
};

const furtherAccounts = (path: string, nodeEnv: string | undefined): readonly EspAccount[] => {
  const faults: string[] = [];
  // The kinds' names are the first accounts', set or not: a webhook's address must not change its meaning.
  const taken = new Set<string>(espKinds);
  const accounts = readEntries(path).flatMap((entry, index): EspAccount[] => {
    const isName = espName.test(entry.name);
    const place = `${where}: ${isName ? entry.name : `account ${index + 1}`}`;
    if (!isName) faults.push(`${place}: name: must be 1 to 64 of a-z, 0-9 and -`);
    else if (taken.has(entry.name)) faults.push(`${place}: name: is taken by another account`);
    taken.add(entry.name);
    const read = readEntry(entry, nodeEnv);
    if ('settings' in read) return [{ name: entry.name, ...read }];
    faults.push(...read.faults.map((fault) => `${place}: ${fault}`));
    return [];
  });
  if (faults.length > 0) throw faultySettings(faults);
  return accounts;
};

/**
 * Every account: the first of each kind, on or not, and those of `ESP_ACCOUNTS_FILE`, which are on. Throws one
 * `ConfigError` with every fault of the file, by account and variable, never with a value.
 */
export const espAccounts = (settings: EspSettings): readonly EspAccount[] => [
  ...providers.map((provider) => ({ name: provider.kind, provider, settings })),
  ...(settings.ESP_ACCOUNTS_FILE === undefined ? [] : furtherAccounts(settings.ESP_ACCOUNTS_FILE, settings.NODE_ENV)),
];

/** The ESPs whose credentials are set, of all accounts. The caller closes them. */
export const configuredEsps = (settings: EspSettings): readonly Esp[] =>
  espAccounts(settings).flatMap((account) => account.provider.createEsp(account.settings, account.name) ?? []);

/** The accounts whose ESP shows a suppression list of its own. */
export const suppressionLists = (
  settings: EspSettings,
): readonly { readonly esp: string; readonly list: ListSuppressions }[] =>
  espAccounts(settings).flatMap(({ name, provider, settings: own }) => {
    const list = provider.listSuppressions?.(own);
    return list === undefined ? [] : [{ esp: name, list }];
  });

/** An account that tells by webhook what became of mail. */
export interface WebhookAccount {
  readonly kind: WebhookEsp;
  /** Undefined without a credential: then nothing that comes under its name may be believed. */
  readonly verify: VerifyWebhook | undefined;
}

/**
 * The accounts that have webhooks, by the name that their webhooks come under. Each is checked by its own credential
 * alone. Throws one `ConfigError` for all credentials that cannot be used.
 */
export const webhookAccounts = (settings: EspSettings, now: () => Date): ReadonlyMap<string, WebhookAccount> => {
  const faults: string[] = [];
  const found = espAccounts(settings).flatMap((account): (readonly [string, WebhookAccount])[] => {
    const { name, provider } = account;
    const kind = webhookEsps.find((candidate) => candidate === provider.kind);
    if (kind === undefined) return [];
    try {
      return [[name, { kind, verify: provider.verifier(account.settings, now) }]];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      faults.push(name === kind ? error.message : `${where}: ${name}: ${error.message}`);
      return [];
    }
  });
  if (faults.length > 0) throw faultySettings(faults);
  return new Map(found);
};
