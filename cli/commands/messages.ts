import type { Command } from 'commander';
import type { z } from 'zod';
import { auditAnswer } from '../../shared/contracts/audit-api.ts';
import { CommandFailed, exitCodes, type Api } from '../api.ts';
import { momentOf } from '../period.ts';
import { tableOf, type Terminal } from '../terminal.ts';

type Audit = z.infer<typeof auditAnswer>;

const count = (value: number): string => value.toLocaleString('en-US');

/** An audit as people read it: the sum, whether it holds, and the same by ESP. */
export const auditText = (audit: Audit): string => {
  const { accepted, sent, suppressed, failed, cancelled, pending } = audit;
  const sum = [
    `accepted ${count(accepted)}`,
    `sent ${count(sent)} + suppressed ${count(suppressed)} + failed ${count(failed)} + cancelled ${count(cancelled)} + pending ${count(pending)}`,
  ].join(' = ');
  const lines = [
    `${audit.since} to ${audit.until}, ${count(audit.requests)} requests${audit.accountId === null ? '' : ` of ${audit.accountId}`}`,
    ...(audit.cut ? ['At most 31 days are looked at at once: what is before them was left out.'] : []),
    `${audit.balanced ? 'Everything is accounted for' : 'THIS DOES NOT ADD UP'}: ${sum}`,
    '',
    tableOf(
      ['ESP', 'messages', 'sent', 'suppressed', 'failed', 'cancelled', 'pending'],
      audit.byEsp.map((row) => [
        row.esp === '' ? '(none yet)' : row.esp,
        ...[row.messages, row.sent, row.suppressed, row.failed, row.cancelled, row.pending],
      ]),
    ),
    '',
    `States: ${Object.entries(audit.states)
      .map(([state, n]) => `${state} ${count(n)}`)
      .join(', ')}`,
    `Sent twice where it could not be avoided (duplicateSuspected): ${count(audit.duplicatesSuspected)}`,
  ];
  for (const { id, total, rows } of audit.uneven.slice(0, 20)) {
    lines.push(`${id}: ${count(rows)} messages stored for ${count(total)} recipients`);
  }
  return lines.join('\n');
};

/** `mailfleet messages …` */
export const messageCommands = (program: Command, api: () => Api, terminal: () => Terminal, now: () => Date): void => {
  const messages = program.command('messages').description('what became of mail');
  messages
    .command('audit')
    .description('prove that everything accepted in a period is accounted for; exit code 1 when it is not')
    .requiredOption('--since <when>', 'an ISO time, or how long ago: 90s, 30m, 24h, 7d')
    .option('--until <when>', 'the same; now where it is left out')
    .option('--account <id>', 'of one account only')
    .action(async (options: { since: string; until?: string; account?: string }) => {
      const query = new URLSearchParams();
      for (const name of ['since', 'until'] as const) {
        const given = options[name];
        if (given === undefined) continue;
        const at = momentOf(given, now());
        if (at === undefined) {
          throw new CommandFailed(
            `--${name} takes an ISO time, or how long ago such as 24h; not ${given}.`,
            exitCodes.usage,
          );
        }
        query.set(name, at);
      }
      if (options.account !== undefined) query.set('accountId', options.account);
      const audit = auditAnswer.parse(await api().call('GET', `/v1/audit?${query.toString()}`));
      terminal().out(terminal().isJson ? JSON.stringify(audit) : auditText(audit));
      if (!audit.balanced) throw new CommandFailed('Not everything is accounted for.', exitCodes.failed);
    });
};
