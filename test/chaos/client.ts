import { z } from 'zod';
import type { AcceptedMail, AckedMessage, ToldMessage } from './oracle.ts';

const ack = z.object({ id: z.string(), messages: z.array(z.object({ id: z.string(), email: z.string() })) });
const page = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      status: z.string(),
      duplicateSuspected: z.boolean(),
      reason: z.string().nullable(),
    }),
  ),
  hasMore: z.boolean(),
});
const acceptedLine = z.object({
  at: z.string(),
  messageId: z.string().nullable(),
  attemptId: z.string().nullable(),
  email: z.string(),
  esp: z.string(),
});

/** What one call was answered: 0 stands for no answer at all. */
export interface CallResult {
  readonly status: number;
  readonly tookMs: number;
  readonly body: string;
}

/** A caller of the fleet that writes down what it was told. */
export interface ChaosClient {
  /** Everything that was ever submitted, by address. */
  readonly submitted: ReadonlySet<string>;
  readonly acked: readonly AckedMessage[];
  /** Requests by how they were answered; 0 stands for no answer. */
  readonly answers: ReadonlyMap<number, number>;
  /** The longest time that any request took, in ms. */
  readonly slowestMs: number;
  /** Notes that somebody else submits a request: over Kafka, where no answer comes. */
  announce(body: EmailBody): void;
  /** Posts one request and writes its end down. */
  post(body: EmailBody, headers?: Readonly<Record<string, string>>): Promise<CallResult>;
  get(path: string): Promise<unknown>;
  control(esp: string, settings: unknown): Promise<void>;
  accepted(): Promise<readonly AcceptedMail[]>;
  emitted(): Promise<readonly unknown[]>;
  counts(): Promise<Readonly<Record<string, { calls: number; accepted: number; pendingWebhooks: number }>>>;
  /** All messages that were stored since this client began, by id. */
  told(): Promise<ReadonlyMap<string, ToldMessage>>;
  /** How many messages of this client's time are in a state; the first page tells enough. */
  anyIn(status: string): Promise<boolean>;
}

export interface EmailBody {
  readonly recipients: readonly { readonly email: string }[];
  readonly [field: string]: unknown;
}

const answerWithinMs = 30_000;

// What an earlier scenario left under way is late, and no phantom.
const everSubmitted = new Set<string>();

const readLines = async <T>(url: string, parse: (line: unknown) => T): Promise<T[]> => {
  const text = await (await fetch(url)).text();
  return text.split('\n').flatMap((line) => (line === '' ? [] : [parse(JSON.parse(line))]));
};

/** A caller with the given key. `since` is an ISO time: what is older is none of its business. */
export const chaosClient = (at: {
  readonly url: string;
  readonly simulatorUrl: string;
  readonly key: string;
  readonly since: string;
}): ChaosClient => {
  const headers = { authorization: `Bearer ${at.key}`, 'content-type': 'application/json' };
  const acked: AckedMessage[] = [];
  const answers = new Map<number, number>();
  let slowestMs = 0;
  const announce = (body: EmailBody): void => {
    for (const { email } of body.recipients) everSubmitted.add(email.toLowerCase());
  };

  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${at.url}${path}`, { headers, signal: AbortSignal.timeout(answerWithinMs) });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  };

  return {
    submitted: everSubmitted,
    acked,
    answers,
    get slowestMs() {
      return slowestMs;
    },
    announce,
    post: async (body, more = {}) => {
      announce(body);
      const startedAt = performance.now();
      let status = 0;
      let text = '';
      try {
        const response = await fetch(`${at.url}/v1/emails`, {
          method: 'POST',
          headers: { ...headers, ...more },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(answerWithinMs),
        });
        ({ status } = response);
        text = await response.text();
        if (status === 202) acked.push(...ack.parse(JSON.parse(text)).messages);
      } catch {
        // No answer: what became of it may be either, and only the addresses are known.
        status = 0;
      }
      const tookMs = performance.now() - startedAt;
      slowestMs = Math.max(slowestMs, tookMs);
      answers.set(status, (answers.get(status) ?? 0) + 1);
      return { status, tookMs, body: text };
    },
    get,
    control: async (esp, settings) => {
      const response = await fetch(`${at.simulatorUrl}/control/${esp}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(settings),
      });
      if (!response.ok) throw new Error(`the simulator answered ${response.status}: ${await response.text()}`);
    },
    accepted: () => readLines(`${at.simulatorUrl}/accepted`, (line) => acceptedLine.parse(line)),
    emitted: () => readLines(`${at.simulatorUrl}/emitted`, (line) => line),
    counts: async () =>
      (await (await fetch(`${at.simulatorUrl}/counts`)).json()) as Awaited<ReturnType<ChaosClient['counts']>>,
    told: async () => {
      const all = new Map<string, ToldMessage>();
      let after = '';
      for (;;) {
        const found = page.parse(
          await get(
            `/v1/messages?since=${encodeURIComponent(at.since)}&limit=1000${after === '' ? '' : `&after=${after}`}`,
          ),
        );
        for (const message of found.data) all.set(message.id, message);
        after = found.data.at(-1)?.id ?? '';
        if (!found.hasMore) return all;
      }
    },
    anyIn: async (status) => {
      const found = page.parse(
        await get(`/v1/messages?status=${status}&since=${encodeURIComponent(at.since)}&limit=1`),
      );
      return found.data.length > 0;
    },
  };
};
