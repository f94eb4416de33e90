import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { complaintWatch } from '../../../consumers/esp-weights/ticker-complaints.ts';
import { addSenderStatistics } from '../../../shared/db/sender-statistics.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useDatabase } from '../../shared/db/tables.ts';

const database = useDatabase();
beforeEach(() => database.pool.query('truncate sender_statistics'));

const count = (complained: number, delivered = 1_000) =>
  addSenderStatistics(database.pool, [
    {
      ...{ accountId: 'admin', senderDomain: 'acme.example', mailboxProvider: 'gmail', delivered, complained },
      day: new Date().toISOString().slice(0, 10),
    },
  ]);

describe('Senders that are complained about', () => {
  it('are told of once a change in the log, and always by a metric that names none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mailfleet-log-'));
    const file = join(folder, 'log');
    const metrics = createMetrics('test');
    const log = createLog({ name: 'test', level: 'info', file });
    const watch = complaintWatch({ pool: database.pool, log, metrics });
    const shown = async (state: string) =>
      (await metrics.render()).split('\n').find((line) => line.includes('gmail') && line.includes(`"${state}"`));
    await count(2);
    await watch();
    await watch();
    expect(await shown('slow')).toMatch(/^mailfleet_sender_complaint_rate\{.*\} 0\.002$/);
    await count(5);
    await watch();
    expect(await shown('slow')).toMatch(/ 0$/);
    expect(await shown('hold-back')).toMatch(/ 0\.0035$/);
    await count(0, 98_000);
    await watch();
    expect(await shown('hold-back')).toMatch(/ 0$/);
    expect(await metrics.render()).not.toContain('acme.example');
    const lines = await waitFor(
      () => {
        const read = readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line.includes('acme.example'));
        return read.length >= 3 && read;
      },
      { what: 'the log' },
    );
    expect(lines.map((line) => (JSON.parse(line) as { state?: string }).state)).toEqual([
      'slow',
      'hold-back',
      undefined,
    ]);
    rmSync(folder, { recursive: true });
  });
});
