import type { Command } from 'commander';
import {
  letterAnswer,
  letterListAnswer,
  retryManyAnswer,
  retryOneAnswer,
} from '../../shared/contracts/dead-letters-api.ts';
import { CommandFailed, exitCodes, type Api } from '../api.ts';
import { tableOf, type Terminal } from '../terminal.ts';

interface Filter {
  readonly topic?: string;
  readonly code?: string;
  readonly consumer?: string;
}

const filterOf = ({ topic, code, consumer }: Filter): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ topic, code, consumer }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );

const withFilter = (command: Command): Command =>
  command
    .option('--topic <name>', 'of one topic only')
    .option('--code <code>', 'of one code only')
    .option('--consumer <name>', 'of one consumer only');

/** `mailfleet dlq …`: dead letters. */
export const dlqCommands = (program: Command, api: () => Api, terminal: () => Terminal): void => {
  const dlq = program.command('dlq').description('dead letters: look at them, send them back, discard them');
  const answer = (json: unknown, text: string): void => {
    terminal().out(terminal().isJson ? JSON.stringify(json) : text);
  };

  withFilter(dlq.command('list').description('by topic and code, and the newest'))
    .option('--state <state>', 'waiting, replayed or discarded', 'waiting')
    .option('--limit <n>', 'how many of the newest', '20')
    .action(async (options: Filter & { state: string; limit: string }) => {
      const query = new URLSearchParams({ ...filterOf(options), state: options.state, limit: options.limit });
      const list = letterListAnswer.parse(await api().call('GET', `/v1/dead-letters?${query.toString()}`));
      const text =
        list.groups.length === 0
          ? 'There are none.'
          : [
              tableOf(
                ['topic', 'code', 'count', 'oldest', 'newest', 'newest reason'],
                list.groups.map((group) => [
                  ...[group.topic, group.code, group.count, group.oldest, group.newest],
                  group.example.slice(0, 80),
                ]),
              ),
              '',
              tableOf(
                ['id', 'topic', 'partition:offset', 'code', 'attempts', 'first failed'],
                list.data.map((row) => [
                  ...[String(row.id), row.topic, `${row.partition}:${row.offset}`, row.code, row.attempts],
                  row.firstFailedAt,
                ]),
              ),
            ].join('\n');
      answer(list, text);
    });

  dlq
    .command('show <id>')
    .description('headers and payload of one')
    .action(async (id: string) => {
      const letter = letterAnswer.parse(await api().call('GET', `/v1/dead-letters/${encodeURIComponent(id)}`));
      const { headers, payload, encoding, ...rest } = letter;
      const lines = Object.entries({ ...rest, ...headers }).map(([name, value]) => `${name}: ${String(value)}`);
      answer(letter, [...lines, '', encoding === 'utf8' ? payload : `(base64) ${payload}`].join('\n'));
    });

  withFilter(dlq.command('retry [id]').description('send one back, or all that match'))
    .option('--dry-run', 'only count them')
    .option('--all', 'all that wait, without a filter')
    .action(async (id: string | undefined, options: Filter & { dryRun?: boolean; all?: boolean }) => {
      if (id !== undefined) {
        const one = retryOneAnswer.parse(
          await api().call('POST', `/v1/dead-letters/${encodeURIComponent(id)}/retry`, {}),
        );
        answer(one, one.retried ? `Sent back to ${one.topic}.` : `Left alone: ${one.reason ?? ''}`);
        return;
      }
      const filter = filterOf(options);
      if (Object.keys(filter).length === 0 && options.all !== true && options.dryRun !== true) {
        throw new CommandFailed('Name an id, a filter, or --all.', exitCodes.usage);
      }
      const many = retryManyAnswer.parse(
        await api().call('POST', '/v1/dead-letters/retry', { ...filter, dryRun: options.dryRun ?? false }),
      );
      answer(
        many,
        many.dryRun
          ? `${many.matched} would be sent back.`
          : `${many.retried} of ${many.matched} sent back${many.published ? '' : ', as soon as Kafka is there'}; ${many.remaining} remain.`,
      );
    });

  dlq
    .command('discard <id>')
    .description('remove what one holds, for good')
    .action(async (id: string) => {
      await api().call('DELETE', `/v1/dead-letters/${encodeURIComponent(id)}`);
      answer({ id, discarded: true }, 'Discarded.');
    });
};
