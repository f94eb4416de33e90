import { parseArgs } from 'node:util';
import { z } from 'zod';

/** What the command line asks for. */
export interface LoadOptions {
  readonly events: number;
  readonly concurrency: number;
  readonly domains: number;
  readonly via: 'http' | 'kafka';
  readonly target: 'events' | 'emails';
  readonly isJson: boolean;
}

export type ParsedOptions =
  | { readonly kind: 'run'; readonly options: LoadOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly fault: string };

export const usage = `usage: npm run loadtest -- [options]

Puts load on a fleet, one event (or email) after the other from each of some clients, and tells how long each took.

  --events=N        how many (default 10000)
  --concurrency=N   clients at the same time (default 8)
  --domains=N       over how many domains (default 50)
  --via=http|kafka  through the ingress (default), or as records on the topic
  --target=events|emails
                    deliveries of domains (default), or requests of one recipient each, at reserved addresses
  --json            JSON on stdout instead of the table
  --help            this text

The fleet is that of this machine, or MAILFLEET_URL with MAILFLEET_API_KEY, or KAFKA_BROKERS.
`;

const whole = (max: number) => z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(1).max(max));
const schema = z.object({
  events: whole(1_000_000_000).default(10_000),
  concurrency: whole(10_000).default(8),
  domains: whole(1_000_000).default(50),
  via: z.enum(['http', 'kafka']).default('http'),
  target: z.enum(['events', 'emails']).default('events'),
  json: z.boolean().default(false),
});

/** Command line → options. The catch-all seed's spelling has one dash: `-events=10 -concurrency 4`. */
export const parseOptions = (args: readonly string[]): ParsedOptions => {
  const doubled = args.map((arg) => (/^-[a-z]{2,}/.test(arg) ? `-${arg}` : arg));
  let given: Record<string, string | boolean | undefined>;
  try {
    const text = { type: 'string' } as const;
    given = parseArgs({
      args: doubled,
      options: {
        ...{ events: text, concurrency: text, domains: text, via: text, target: text },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    return { kind: 'fault', fault: error instanceof Error ? error.message : String(error) };
  }
  if (given['help'] === true) return { kind: 'help' };
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const names = parsed.error.issues.map((issue) => `--${issue.path.map(String).join('.')}`).join(', ');
    return { kind: 'fault', fault: `${names}: not a value that can be used` };
  }
  const { json: isJson, ...rest } = parsed.data;
  return { kind: 'run', options: { ...rest, isJson } };
};
