// npm start: everything on this machine. Stands on Node's own modules until the dependencies are there.
import { bootstrap } from './bootstrap.mjs';

const usage = `usage: npm start [-- options]

Starts Postgres, Kafka, the ESP simulator (unless ESP credentials are set), the ingress and every consumer.

  --no-demo    do not run the demo on an empty database
  --demo=N     run it with N recipients (default 1000)
  --config=F   settings from a JSON file, by the names of .env.example
  --NAME=V     a setting, such as --delivered-threshold=500 --cache-ttl=5m --workers=16 --cache
  --help       this text

A flag wins over the environment and .env, and those over the file.
`;

const parse = (args) => {
  const options = { demo: true, demoSize: 1000, settings: [] };
  for (const arg of args) {
    if (arg === '--no-demo') options.demo = false;
    else if (/^--demo=[1-9]\d{0,5}$/.test(arg)) options.demoSize = Number(arg.slice('--demo='.length));
    else if (arg === '--help' || arg === '-h') {
      process.stdout.write(usage);
      process.exit(0);
    } else if (arg.startsWith('-') || options.settings.at(-1)?.match(/^--?config$/)) options.settings.push(arg);
    else {
      process.stderr.write(`unknown option ${arg}\n\n${usage}`);
      process.exit(2);
    }
  }
  return options;
};

const options = parse(process.argv.slice(2));
await bootstrap();
const { startFleet } = await import('../dist/fleet/main.js');
process.exit(await startFleet(options));
