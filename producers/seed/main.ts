import Table from 'cli-table3';
import { postgresEnv, readEnv } from '../../shared/config/env.ts';
import { connectForBulk, type BulkConnection } from '../../shared/db/copy-rows.ts';
import { ensureEventPartitions } from '../../shared/db/event-partitions.ts';
import { findSeeded, lockSeed, removeSeeded, seedAccountRows, seedDelays } from '../../shared/db/seeded-rows.ts';
import { seedEsps } from './esp-behaviour.ts';
import { loadHistory, type Written } from './load-history.ts';
import { parseOptions, usage, type SeedOptions } from './options.ts';
import { createProgress } from './progress.ts';
import { decisionIdsOf, requestSuffix, seedHistory } from './seeded-requests.ts';
import { dayMs, historyDays, seedAccounts } from './traffic.ts';

const whole = (count: number): string => count.toLocaleString('en');
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

const report = (written: Written, options: SeedOptions, tookMs: number): string => {
  const table = new Table({ head: ['table', 'rows'], colAligns: ['left', 'right'], style: { head: [], border: [] } });
  for (const [name, rows] of Object.entries(written)) table.push([name, whole(rows)]);
  const rate = whole(Math.round((options.messages * 1_000) / tookMs));
  const took = (tookMs / 1_000).toFixed(1);
  const from = day(options.untilMs - historyDays * dayMs);
  return `${table.toString()}\n${whole(options.messages)} messages from ${from} to ${day(options.untilMs)} in ${took} s (${rate}/s)`;
};

// All or nothing: an interrupted run leaves no row, so "is there already" always means all of it.
const fill = async (connection: BulkConnection, options: SeedOptions): Promise<string> => {
  const { messages, seed, untilMs, isReset } = options;
  const mark = { requestSuffix: requestSuffix(seed), decisions: decisionIdsOf(seed) };
  await lockSeed(connection, mark);
  if (isReset) console.error(`${whole(await removeSeeded(connection, mark))} messages of seed ${seed} removed`);
  const found = await findSeeded(connection, mark);
  if (found !== undefined) {
    return `Seed ${seed} is there already, with ${whole(found.messages)} messages up to ${found.newest.toISOString()}. Nothing was added; --reset makes it anew.`;
  }
  if (messages === 0) return 'No messages were asked for.';

  const startedAt = Date.now();
  const progress = createProgress('messages', messages, process.stderr, () => Date.now());
  try {
    const written = await loadHistory(connection, seedHistory({ messages, seed, untilMs }), (done) => {
      progress.update(done);
    });
    await seedAccountRows(connection, seedAccounts);
    await seedDelays(connection, seedEsps, new Date(untilMs - historyDays * dayMs));
    return report(written, options, Date.now() - startedAt);
  } finally {
    progress.stop();
  }
};

const run = async (options: SeedOptions): Promise<void> => {
  const connection = await connectForBulk(readEnv(postgresEnv).DATABASE_URL);
  try {
    const daysBack = Math.ceil((Date.now() - options.untilMs) / dayMs) + historyDays;
    await ensureEventPartitions(connection, 7, daysBack);
    await connection.query('begin');
    await connection.query(`set local synchronous_commit = off`);
    const result = await fill(connection, options);
    await connection.query('commit');
    console.log(result);
  } finally {
    await connection.end();
  }
};

const parsed = parseOptions(process.argv.slice(2), new Date());
if (parsed.kind === 'help') console.log(usage);
else if (parsed.kind === 'fault') {
  console.error(`${parsed.fault}\n\n${usage}`);
  process.exitCode = 2;
} else {
  try {
    await run(parsed.options);
  } catch (error) {
    console.error(`Nothing was added: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
