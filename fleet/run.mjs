// One compiled program in this process: `node fleet/run.mjs <entry> [args]`, or `… consumer <name> [args]`.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';

const root = new URL('..', import.meta.url);

const fail = (message) => {
  process.stderr.write(`${message}\n`);
  process.exit(2);
};

const findProcess = async (name) => {
  const { processes } = await import('../dist/fleet/processes.js');
  const names = processes.map((process) => process.name).join(', ');
  if (name === undefined) fail(`usage: npm run consumer -- <name>\nwhere <name> is one of: ${names}`);
  return (
    processes.find((process) => process.name === name) ?? fail(`no process is called ${name}; there are: ${names}`)
  );
};

const [first, ...rest] = process.argv.slice(2);
if (first === undefined)
  fail('usage: node fleet/run.mjs <entry> [args], or: node fleet/run.mjs consumer <name> [args]');
await bootstrap();

const found =
  first === 'consumer'
    ? { ...(await findProcess(rest[0])), given: rest.slice(1) }
    : { name: first.split('/').at(-2), entry: first, args: [], given: rest };

const program = new URL(`dist/${found.entry}.js`, root);
if (!existsSync(program)) fail(`there is no program ${found.entry}`);

// On a developer's machine a single process joins the fleet of npm start; production must say everything itself. What
// is in bench or test has stores of its own, or needs none.
if (process.env.NODE_ENV !== 'production' && !/^(bench|test)\//.test(found.entry)) {
  const { joinLocalFleet } = await import('../dist/fleet/settings.js');
  const joined = await joinLocalFleet(found.given);
  Object.assign(process.env, joined, { MAILFLEET_JOINED: Object.keys(joined).join(',') });
}

// The seed needs tables and nothing else of a fleet.
const bringsTables = found.entry === 'producers/seed/main' && !found.given.some((arg) => /^(--help|-h)$/.test(arg));
const run = bringsTables ? new URL('dist/fleet/with-postgres/main.js', root) : program;
const before = bringsTables ? [fileURLToPath(program)] : [];

process.title = `mailfleet ${found.name}`;
process.argv = [process.argv[0], fileURLToPath(run), ...before, ...found.args, ...found.given];
await import(run.href);
