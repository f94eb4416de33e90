// Runs before anything is installed, so it stands on Node's own modules alone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const neededNode = [20, 19];

const checkNode = () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > neededNode[0] || (major === neededNode[0] && minor >= neededNode[1])) return;
  console.error(`mailfleet needs Node ${neededNode.join('.')} or newer; this is ${process.versions.node}.`);
  process.exit(1);
};

const runNpm = (command, ...options) => {
  const args = [command, ...options, '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const [program, start] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const result = spawnSync(program, [...start, ...args], { cwd: root, encoding: 'utf8' });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trim();
  return { isGood: result.status === 0, output };
};

const install = () => {
  const lockfile = `${root}package-lock.json`;
  const stamp = `${root}node_modules/.mailfleet-installed`;
  const wanted = existsSync(lockfile) ? createHash('sha256').update(readFileSync(lockfile)).digest('hex') : '';
  if (existsSync(`${root}node_modules/.package-lock.json`)) {
    // Installed by hand, without our stamp: whoever did that knows what for.
    const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : wanted;
    if (installed === wanted) {
      writeFileSync(stamp, wanted);
      return;
    }
  }

  // stderr, because a command's stdout may be data for a pipe.
  console.error('installing the dependencies; this happens once');
  let result = existsSync(lockfile) ? runNpm('ci') : runNpm('install');
  if (!result.isGood && result.output.includes('EUSAGE')) {
    // A lockfile made on one platform may lack another's optional packages; all it does pin is still honoured.
    console.error(
      'npm ci finds package-lock.json incomplete here, so npm install completes it (the file stays as it is)',
    );
    result = runNpm('install', '--no-save');
  }
  if (!result.isGood) {
    // What follows the first lines is npm's usage.
    console.error(result.output.split('\n').slice(0, 12).join('\n'));
    console.error('The dependencies could not be installed; the lines above say why.');
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
};

/** Makes a clone ready to run: Node's version, dependencies, compiled sources. Ends the process if that cannot be. */
export const bootstrap = async () => {
  checkNode();
  install();
  const { build, BuildFailed } = await import('./build.mjs');
  try {
    await build();
  } catch (error) {
    if (!(error instanceof BuildFailed)) throw error;
    console.error(error.message);
    process.exit(1);
  }
};
