// npm run check: everything that needs no service, two at a time, silent about what is well.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
// The slow ones first: they then run beside the quick ones instead of after them.
const all = ['check:lint', 'check:types', 'test:unit', 'check:arch', 'check:unused', 'check:format'];
// `npm run check -- --no-tests` leaves the tests to whoever runs them anyway.
const checks = process.argv.includes('--no-tests') ? all.filter((script) => !script.startsWith('test')) : all;
const sideBySide = Math.min(2, availableParallelism());

const run = (script) =>
  new Promise((resolve) => {
    const startedAt = Date.now();
    const npm = process.env.npm_execpath;
    const args = ['run', '--silent', script];
    const options = { cwd: root, env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' } };
    const child = npm === undefined ? spawn('npm', args, options) : spawn(process.execPath, [npm, ...args], options);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('close', (code) => {
      const isGood = code === 0;
      const took = ((Date.now() - startedAt) / 1000).toFixed(1);
      console.log(`${isGood ? '✓' : '✗'} ${script} (${took} s)`);
      resolve({ script, isGood, output });
    });
  });

await bootstrap();
const waiting = [...checks];
const results = [];
const worker = async () => {
  for (let script = waiting.shift(); script !== undefined; script = waiting.shift()) results.push(await run(script));
};
await Promise.all(Array.from({ length: sideBySide }, worker));

const failed = results.filter(({ isGood }) => !isGood);
for (const { script, output } of failed) console.log(`\n--- ${script}\n${output.trimEnd()}`);
console.log(failed.length === 0 ? '\nall is well' : `\n${failed.length} of ${checks.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);
