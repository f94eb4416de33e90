import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { fleetFaults } from './watch-fleet.ts';
import type { PartOptions, PartResult } from './part.ts';

const run = async (program: string, args: readonly string[], logFile: string): Promise<number> => {
  const log = await open(logFile, 'w');
  try {
    return await new Promise<number>((resolve, reject) => {
      const child = spawn(program, args, { cwd: join(logFile, '..'), stdio: ['ignore', log.fd, log.fd] });
      child.on('error', reject);
      child.on('exit', (code) => {
        resolve(code ?? 1);
      });
    });
  } finally {
    await log.close();
  }
};

/** What schemathesis says at the end: how much it tried, and what failed. */
const summaryOf = (logFile: string): { readonly tried: number; readonly failures: readonly string[] } => {
  const text = readFileSync(logFile, 'utf8');
  const tried = Number(/(\d+) generated/.exec(text)?.[1] ?? 0);
  const failures = [...text.matchAll(/^ {2}(?:❌|🚫) +((?:ST\d+ |[A-Z])[^\n]*: \d+)$/gmu)].map(([, line = '']) => line);
  return { tried, failures };
};

/**
 * Requests made from /openapi.json: every check of schemathesis, every phase, each seed in turn. No check is left out.
 * Webhooks answer 401 to all of it, as documented: nobody but an ESP can sign them (part `webhooks`).
 */
export const fuzzHttp =
  (program: string, logFolder: string) =>
  async ({ fleet, seeds, examples, say }: PartOptions): Promise<PartResult> => {
    await mkdir(logFolder, { recursive: true });
    const faults: string[] = [];
    let tried = 0;
    for (const seed of seeds) {
      const logFile = join(logFolder, `schemathesis-${seed}.log`);
      say(`http: seed ${seed}, ${examples} examples an operation; it writes ${logFile}`);
      const code = await run(
        program,
        [
          ...['run', `${fleet.url}/openapi.json`, '--header', `Authorization: Bearer ${fleet.adminKey}`],
          ...[
            '--checks',
            'all',
            '--max-response-time',
            '2',
            '--max-examples',
            String(examples),
            '--seed',
            String(seed),
          ],
          ...['--no-color', '--suppress-health-check', 'too_slow'],
        ],
        logFile,
      );
      const summary = summaryOf(logFile);
      tried += summary.tried;
      if (code !== 0 || summary.tried === 0) {
        const what = summary.failures.join('; ') || `it ended with ${code}`;
        faults.push(`seed ${seed}: ${what}; the requests to repeat stand in ${logFile}`);
      }
    }
    faults.push(...(await fleetFaults(fleet)));
    return { name: 'http', note: `${tried} requests over ${seeds.length} seeds`, faults };
  };
