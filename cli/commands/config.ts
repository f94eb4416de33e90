import type { Command } from 'commander';
import type { ZodType } from 'zod';
import { envGroups, layeredSettings, type ValueSource } from '../../shared/config/env.ts';
import { redacted } from '../../shared/config/layers.ts';
import { CommandFailed, exitCodes } from '../api.ts';
import { tableOf, type Terminal } from '../terminal.ts';

interface Row {
  readonly name: string;
  readonly value: string | null;
  readonly source: ValueSource;
}

const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
};

const rows = (argv: readonly string[]): { readonly rows: readonly Row[]; readonly faults: readonly string[] } => {
  // Options of the command line itself are nobody's settings.
  const { source, from, faults } = layeredSettings(argv, { others: /^--?(json|url|key)(=|$)/ });
  const found = new Map<string, Row>();
  for (const [name, schema] of Object.values(envGroups).flatMap((group) => Object.entries<ZodType>(group))) {
    const set = source[name] ?? source[`${name}_FILE`];
    const usual: unknown = schema.safeParse(undefined).data;
    const value = set ?? textOf(usual);
    found.set(name, {
      name,
      value: value === undefined ? null : redacted(name, value),
      source: from[name] ?? from[`${name}_FILE`] ?? 'default',
    });
  }
  return { rows: [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), faults };
};

/** `config print`: every setting, what it is, and which layer said so. */
export const configCommands = (program: Command, terminal: () => Terminal): void => {
  const config = program.command('config').description('settings of the processes of this machine');
  config
    .command('print')
    .description('every setting with its value (secrets hidden) and where it comes from; takes --config and the flags')
    .allowUnknownOption()
    .allowExcessArguments()
    .action((_options: unknown, command: Command) => {
      const found = rows(command.args);
      if (found.faults.length > 0) throw new CommandFailed(found.faults.join('\n'), exitCodes.usage);
      const { out, isJson } = terminal();
      out(
        isJson
          ? JSON.stringify(found.rows, null, 2)
          : tableOf(
              ['setting', 'value', 'source'],
              found.rows.map(({ name, value, source }) => [name, value ?? '', source]),
            ),
      );
    });
};
