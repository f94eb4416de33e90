import { parseArgs } from 'node:util';
import { z } from 'zod';

/** What the command line asks for. */
export interface SeedOptions {
  readonly messages: number;
  readonly seed: number;
  readonly untilMs: number;
  readonly isReset: boolean;
}

export type ParsedOptions =
  | { readonly kind: 'run'; readonly options: SeedOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly fault: string };

export const usage = `usage: npm run seed [-- options]

Fills the database with development data: the requests, messages, attempts and events of 30 days, and the statistics,
weights and domain counters that they lead to, for the accounts admin, acme and globex.

  --messages=N        how many messages (default 100000)
  --seed=S            which data: the same seed on the same day gives the same rows (default 1)
  --until=YYYY-MM-DD  where the 30 days end, at 00:00 UTC (default: today; at most a year ago)
  --reset             first remove what this seed made before; with --messages=0 that is all
  --help              this text

It fills DATABASE_URL; without one, the Postgres of the fleet that npm start runs; without that, the embedded Postgres,
which it starts and stops. A seed that is there already is not added again.
`;

const dayMs = 86_400_000;

const whole = (max: number) => z.string().regex(/^\d+$/).transform(Number).pipe(z.int().max(max));
const options = z.object({
  messages: whole(1_000_000_000).default(100_000),
  seed: whole(2_147_483_647).default(1),
  until: z.iso.date().optional(),
  reset: z.boolean().default(false),
});

/** Command line → options; `now` gives the default end and the limits of `--until`. */
export const parseOptions = (args: readonly string[], now: Date): ParsedOptions => {
  let given: Record<string, string | boolean | undefined>;
  try {
    given = parseArgs({
      args: [...args],
      options: {
        messages: { type: 'string' },
        seed: { type: 'string' },
        until: { type: 'string' },
        reset: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    return { kind: 'fault', fault: error instanceof Error ? error.message : String(error) };
  }
  if (given['help'] === true) return { kind: 'help' };
  const parsed = options.safeParse(given);
  if (!parsed.success) {
    const names = parsed.error.issues.map((issue) => `--${issue.path.map(String).join('.')}`).join(', ');
    return { kind: 'fault', fault: `${names}: not a value that can be used` };
  }
  const { messages, seed, until, reset } = parsed.data;
  const todayMs = Math.floor(now.getTime() / dayMs) * dayMs;
  const untilMs = until === undefined ? todayMs : Date.parse(until);
  // Each day gets a partition of its own; and what is told has to have happened.
  if (untilMs > todayMs || untilMs < todayMs - 365 * dayMs) {
    return { kind: 'fault', fault: '--until: must be today or a day of the past year' };
  }
  return { kind: 'run', options: { messages, seed, untilMs, isReset: reset } };
};
