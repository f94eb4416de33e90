#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { cliEnv, readEnv } from '../shared/config/env.ts';
import { apiAt, CommandFailed, exitCodes, type Api } from './api.ts';
import { configCommands } from './commands/config.ts';
import { dlqCommands } from './commands/dlq.ts';
import { messageCommands } from './commands/messages.ts';
import type { Terminal } from './terminal.ts';

const program = new Command('mailfleet');
program
  .description('The command line of a fleet. Data goes to stdout, everything else to stderr.')
  .option('--url <url>', 'where the ingress is (MAILFLEET_URL, or the fleet of this machine)')
  .option('--key <key>', 'the API key (MAILFLEET_API_KEY, or the admin key of this machine)')
  .option('--json', 'JSON on stdout')
  .showHelpAfterError('(mailfleet --help lists the commands)')
  .exitOverride();

const options = (): { url?: string; key?: string; json?: boolean } => program.opts();
const terminal = (): Terminal => ({
  out: (text) => {
    process.stdout.write(`${text}\n`);
  },
  note: (text) => {
    process.stderr.write(`${text}\n`);
  },
  isJson: options().json === true,
});
const api = (): Api => {
  const env = readEnv(cliEnv);
  const key = options().key ?? env.MAILFLEET_API_KEY ?? env.ADMIN_API_KEY;
  if (key === undefined) {
    throw new CommandFailed(
      'There is no key: start the fleet with npm start, or set MAILFLEET_API_KEY.',
      exitCodes.usage,
    );
  }
  return apiAt(options().url ?? env.MAILFLEET_URL ?? env.PUBLIC_URL ?? 'http://127.0.0.1:8080', key);
};

messageCommands(program, api, terminal, () => new Date());
dlqCommands(program, api, terminal);
configCommands(program, terminal);
// Options of the program may stand behind the command too.
for (const command of program.commands.flatMap((group) => [group, ...group.commands])) {
  command
    .exitOverride()
    .option('--json', 'JSON on stdout')
    .on('option:json', () => {
      program.setOptionValue('json', true);
    });
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else if (error instanceof CommandFailed) {
    terminal().note(error.message);
    process.exitCode = error.exitCode;
  } else throw error;
}
