import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openAppLog } from '../../fleet/app-log.ts';
import { waitFor } from '../support/wait-for.ts';

test('keeps its name, moves what is full to a numbered file, and keeps only so many', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mailfleet-log-'));
  const path = join(folder, 'app.log');
  const log = openAppLog(path, { maxBytes: 10, keep: 2 });
  for (const number of [1, 2, 3, 4, 5]) {
    log.write(`line number ${number}`);
    await waitFor(() => existsSync(path) && readFileSync(path, 'utf8').includes(`${number}`), { what: 'the line' });
  }
  await log.close();

  expect(readdirSync(folder).sort()).toEqual(['app.log', 'app.log.1', 'app.log.2']);
  expect(readFileSync(path, 'utf8')).toBe('line number 5\n');
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('line number 4\n');
  expect(readFileSync(`${path}.2`, 'utf8')).toBe('line number 3\n');
  rmSync(folder, { recursive: true });
});
