import { setTimeout as pause } from 'node:timers/promises';
import type { CallResult, ChaosClient, EmailBody } from './client.ts';

const domains = ['gmail.com', 'outlook.com', 'yahoo.com', 'icloud.com', 'corp.example', 'firm.example'];

let made = 0;

/** A request to `size` recipients that nobody else has, each with a text of its own. */
export const mailTo = (size: number, more: Readonly<Record<string, unknown>> = {}): EmailBody => {
  made += 1;
  const request = made;
  return {
    from: 'News <news@acme.example>',
    subject: 'Hello {{name}}',
    text: 'Hi {{name}}',
    recipients: Array.from({ length: size }, (_, index) => ({
      email: `r${request}.${index}@${domains[index % domains.length] ?? ''}`,
      substitutions: { name: `N${index}` },
    })),
    ...more,
  };
};

/** Posts requests with so many callers side by side until all are answered; answers how each was. */
export const postAll = async (
  client: ChaosClient,
  bodies: readonly EmailBody[],
  callers: number,
  headersOf: (index: number) => Readonly<Record<string, string>> = () => ({}),
): Promise<readonly CallResult[]> => {
  const results: CallResult[] = [];
  let next = 0;
  const call = async (): Promise<void> => {
    for (;;) {
      const index = next;
      next += 1;
      const body = bodies[index];
      if (body === undefined) return;
      results[index] = await client.post(body, headersOf(index));
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return results;
};

const running = new Set<() => void>();

/** Posts a round of requests after the other, with a pause between, until it is stopped; `besides` is done in each round. */
export const steadyTraffic = (
  client: ChaosClient,
  options: {
    readonly round: () => readonly EmailBody[];
    readonly callers: number;
    readonly pauseMs: number;
    readonly besides?: () => Promise<void>;
  },
): { stop(): Promise<void> } => {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  running.add(end);
  const run = async (): Promise<void> => {
    while (!isOver) {
      await postAll(client, options.round(), options.callers);
      await options.besides?.();
      await pause(options.pauseMs);
    }
  };
  const done = run();
  // Who awaits it hears of a fault; until then it must not end the process.
  done.catch(() => undefined);
  return {
    stop: async () => {
      end();
      running.delete(end);
      await done;
    },
  };
};

/** Ends whatever traffic a scenario that broke off has left. */
export const endTraffic = (): void => {
  for (const end of running) end();
  running.clear();
};
