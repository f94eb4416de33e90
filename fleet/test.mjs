// npm test: the tests on the real services. The last line of stdout is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const projects = ['unit', 'db', 'kafka', 'fleet'];
// A pool closes its idle connections within 10 s; what is open after that was forgotten.
const leaveWithinMs = 15_000;

const [first, ...others] = process.argv.slice(2);
const project = projects.includes(first) ? first : undefined;
const jestArgs = project === undefined ? process.argv.slice(2) : others;

const startServices = async () => {
  if (project === 'unit' || process.env.MAILFLEET_TEST_SERVICES === '0') {
    return { environment: {}, stop: () => Promise.resolve() };
  }
  const { startTestServices } = await import('../dist/fleet/test-services.js');
  return startTestServices({ withKafka: project !== 'db' });
};

// Whole fleets share the names of their consumer groups, so only one may run at a time; what stands on Postgres alone need
// not wait for that.
const rounds =
  project === undefined
    ? [
        { selected: ['unit', 'db'], oneByOne: false },
        { selected: ['kafka', 'fleet'], oneByOne: true },
      ]
    : [{ selected: [project], oneByOne: project === 'kafka' || project === 'fleet' }];

const runJest = (environment, countsFile, { selected, oneByOne }) =>
  new Promise((resolve) => {
    const jest = spawn(
      process.execPath,
      [
        ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
        ...[join('node_modules', 'jest', 'bin', 'jest.js'), '--passWithNoTests'],
        // Jest would leave one core idle, and these tests wait for Postgres half of their time.
        ...(oneByOne ? ['--maxWorkers=1'] : ['--maxWorkers=2']),
        ...jestArgs,
        // Last: this option takes every word that follows it.
        ...['--selectProjects', ...selected],
      ],
      {
        cwd: root,
        // Jest reports on stderr; both go there, so that stdout ends in our line.
        stdio: ['inherit', process.stderr, process.stderr, 'ipc'],
        env: { ...process.env, ...environment, MAILFLEET_TEST_COUNTS: countsFile },
      },
    );
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        interrupted = true;
        jest.kill(signal);
      });
    }
    jest.on('message', () => {
      setTimeout(() => {
        console.error('A test left something open, so jest does not end by itself.');
        jest.kill('SIGKILL');
      }, leaveWithinMs).unref();
    });
    jest.on('exit', (code, signal) => resolve({ code, signal }));
  });

const readCounts = (file, exit) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // No report: either there was nothing to run, or jest itself failed.
    return { passed: 0, failed: exit.code === 0 ? 0 : 1, skipped: 0 };
  }
};

let interrupted = false;
await bootstrap();
const scratch = mkdtempSync(join(tmpdir(), 'mailfleet-test-'));
const noResult = { passed: 0, failed: 1, skipped: 0 };
let counts = noResult;
try {
  const services = await startServices();
  try {
    counts = { passed: 0, failed: 0, skipped: 0 };
    for (const [index, round] of rounds.entries()) {
      const file = join(scratch, `counts-${index}.json`);
      const found = readCounts(file, await runJest(services.environment, file, round));
      for (const name of Object.keys(counts)) counts[name] += found[name];
      if (interrupted) break;
    }
  } finally {
    await services.stop();
  }
} catch (error) {
  counts = noResult;
  console.error(error?.code === 'config' ? error.message : error);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
const { passed, skipped } = counts;
const failed = interrupted ? Math.max(1, counts.failed) : counts.failed;
const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
process.stdout.write(line, () => process.exit(failed === 0 ? 0 : 1));
