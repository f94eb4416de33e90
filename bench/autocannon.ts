import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { z } from 'zod';

// A process of its own, or the measuring would take its time from the measured.
const autocannon = createRequire(import.meta.url).resolve('autocannon');

const report = z.object({
  '2xx': z.number(),
  non2xx: z.number(),
  errors: z.number(),
  timeouts: z.number(),
  duration: z.number(),
  latency: z.object({ p50: z.number(), p90: z.number(), p99: z.number(), p99_9: z.number(), max: z.number() }),
});
export type Report = z.infer<typeof report>;

export interface Load {
  readonly url: string;
  readonly key: string;
  readonly method: 'POST' | 'PUT';
  readonly body?: string;
  readonly connections: number;
  readonly seconds: number;
}

/** Asks one thing again and again over some connections. Throws when not everything was answered with 2xx. */
export const runAutocannon = async ({ url, key, method, body, connections, seconds }: Load): Promise<Report> => {
  const found = await new Promise<Report>((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        ...[autocannon, '--json', '--no-progress', '--connections', String(connections), '--duration', String(seconds)],
        ...['--method', method, '--headers', `authorization=Bearer ${key}`],
        ...(body === undefined ? [] : ['--headers', 'content-type=application/json', '--body', body]),
        url,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    let fault = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (fault += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code !== 0) reject(new Error(`autocannon failed: ${fault}`));
      else resolve(report.parse(JSON.parse(output)));
    });
  });
  if (found.non2xx + found.errors + found.timeouts > 0) {
    throw new Error(`not every request was accepted: ${JSON.stringify(found)}`);
  }
  return found;
};
