// Compiles every program of the fleet to dist/. esbuild is imported late: bootstrap.mjs may have to install it first.
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sourceFolders = [
  ...['producers', 'consumers', 'shared', 'cli', 'simulator', 'fleet', 'bench', 'migrations'],
  // The tests of failures and of bad input are programs, and stand on the tests' support.
  ...['test/chaos', 'test/hostile', 'test/support'],
];
// Besides every main.ts: what the .mjs files import.
const otherEntries = ['fleet/settings.ts', 'fleet/processes.ts', 'fleet/test-services.ts', 'migrations/migrate.ts'];
const stamp = join(root, 'dist', '.built');
const dayMs = 86_400_000;

/** The sources do not compile; the message is for the terminal. */
export class BuildFailed extends Error {}

const walk = function* (folder) {
  yield { path: folder, mtimeMs: statSync(folder).mtimeMs };
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.name.endsWith('.ts')) yield { path, mtimeMs: statSync(path).mtimeMs };
  }
};

// Folders count too: their time changes when a file comes or goes.
const sources = () =>
  sourceFolders.map((folder) => join(root, folder)).flatMap((folder) => (existsSync(folder) ? [...walk(folder)] : []));

const isFresh = (files) => {
  if (!existsSync(stamp)) return false;
  const builtAt = statSync(stamp).mtimeMs;
  const inputs = [...files, { mtimeMs: statSync(join(root, 'package.json')).mtimeMs }];
  return inputs.every(({ mtimeMs }) => mtimeMs < builtAt);
};

// A fleet that still runs may import an old chunk late, so yesterday's go and today's stay.
const sweep = (kept) => {
  const chunks = join(root, 'dist', 'chunks');
  if (!existsSync(chunks)) return;
  for (const name of readdirSync(chunks)) {
    const path = join(chunks, name);
    if (!kept.has(path) && Date.now() - statSync(path).mtimeMs > dayMs) rmSync(path);
  }
};

/** Compiles to dist/ unless that is newer than every source. Throws `BuildFailed`. Returns whether it compiled. */
export const build = async () => {
  const files = sources();
  if (isFresh(files)) return false;
  // The stamp carries the time before the build, so that an edit during it is not lost.
  const startedAt = new Date();
  const entryPoints = files
    .map(({ path }) => path)
    .filter((path) => path.endsWith('/main.ts') || otherEntries.some((entry) => path === join(root, entry)));

  const { build: compile, formatMessages } = await import('esbuild');
  try {
    const result = await compile({
      absWorkingDir: root,
      entryPoints,
      outdir: 'dist',
      outbase: '.',
      chunkNames: 'chunks/[name]-[hash]',
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      sourcemap: 'linked',
      metafile: true,
      logLevel: 'silent',
    });
    sweep(new Set(Object.keys(result.metafile.outputs).map((path) => join(root, path))));
  } catch (error) {
    if (!Array.isArray(error?.errors)) throw error;
    const messages = await formatMessages(error.errors, { kind: 'error', color: process.stderr.isTTY === true });
    throw new BuildFailed(`${messages.join('')}The sources do not compile.`);
  }
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt);
  return true;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  build().catch((error) => {
    console.error(error instanceof BuildFailed ? error.message : error);
    process.exitCode = 1;
  });
}
