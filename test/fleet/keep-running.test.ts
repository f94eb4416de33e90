import { spawn } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { EndedEarly, keepRunning, type Kept } from '../../fleet/keep-running.ts';
import { waitFor } from '../support/wait-for.ts';

const kept = (script: string, said: string[] = []): Kept => ({
  name: 'sleeper',
  launch: () => spawn(process.execPath, ['-e', script], { stdio: 'ignore' }),
  ready: () => Promise.resolve(),
  readyWithinMs: 5000,
  stopSteps: [
    { signal: 'SIGTERM', graceMs: 200 },
    { signal: 'SIGKILL', graceMs: 2000 },
  ],
  say: (line) => said.push(line),
});
const sleeping = 'setInterval(() => {}, 1000)';
const isGone = (pid: number | undefined): boolean => {
  try {
    return pid === undefined || !process.kill(pid, 0);
  } catch {
    return true;
  }
};

test('starts a process again that was killed, and says so in plain lines', async () => {
  const said: string[] = [];
  const keeper = keepRunning(kept(sleeping, said));
  await keeper.start();
  const first = keeper.pid();
  process.kill(first ?? 0, 'SIGKILL');

  await waitFor(() => said.length === 2, { what: 'two lines' });
  expect(said).toEqual([
    'sleeper stopped unexpectedly (signal SIGKILL); starting it again in 0.5 s',
    'sleeper is back (attempt 2)',
  ]);
  expect(keeper.pid()).not.toBe(first);
  await keeper.stop();
  expect(isGone(keeper.pid())).toBe(true);
});

test('kills what does not heed the first signal', async () => {
  const keeper = keepRunning(kept(`process.on('SIGTERM', () => {}); ${sleeping}`));
  await keeper.start();
  await keeper.stop();
  await waitFor(() => isGone(keeper.pid()), { what: 'the end of the process' });
});

test('gives up when it ends at its very first start', async () => {
  const keeper = keepRunning({ ...kept('process.exit(3)'), ready: () => new Promise(() => undefined) });
  await expect(keeper.start()).rejects.toThrow(EndedEarly);
  await expect(
    keepRunning({ ...kept('process.exit(3)'), ready: () => new Promise(() => undefined) }).start(),
  ).rejects.toThrow('sleeper did not start (exit code 3)');
});

test('does not start again what it was told to stop', async () => {
  const said: string[] = [];
  const keeper = keepRunning(kept(sleeping, said));
  await keeper.start();
  await keeper.stop();
  expect(said).toEqual([]);
});
