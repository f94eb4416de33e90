import type { TestFleet } from './fleet.ts';
import { waitFor } from './wait-for.ts';

export interface RequestStatus {
  readonly status: string;
  readonly total: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly split: Readonly<Record<string, number>>;
  readonly carried: Readonly<Record<string, number>>;
  readonly weights: Readonly<Record<string, number>>;
  readonly window?: string;
}

export interface ListedMessage {
  readonly id: string;
  readonly status: string;
  readonly esp: string | null;
  readonly duplicateSuspected: boolean;
}

/** A line of the simulated ESPs' own log: the oracle that tests judge by. */
export interface AcceptedLine {
  readonly esp: string;
  readonly messageId: string;
  readonly email: string;
  readonly subject: string;
  readonly text: string | null;
}

const domains = ['gmail.com', 'outlook.com', 'yahoo.com', 'icloud.com', 'corp.example', 'firm.example'];

/** The two ESPs that tests steer; requests that do not say otherwise keep to them. */
export const steeredEsps = ['sendgrid', 'postmark'];

let requests = 0;
/**
 * A request to `size` recipients over the two steered ESPs, each with a text of its own. Later requests have other recipients:
 * who bounced is not mailed again.
 */
export const bulkRequest = (
  size: number,
  more: Readonly<Record<string, unknown>> = {},
  mark = (requests += 1) === 1 ? '' : `.${requests}`,
) => ({
  from: 'News <news@acme.example>',
  subject: 'Hello {{name}}',
  text: 'Hi {{name}}',
  esps: steeredEsps,
  recipients: Array.from({ length: size }, (_, index) => ({
    email: `u${index}${mark}@${domains[index % domains.length] ?? ''}`,
    substitutions: { name: `N${index}` },
  })),
  ...more,
});

/** Speaks to a fleet as its users do, and reads the simulator's log. */
export const clientOf = (fleet: TestFleet) => {
  const headers = { authorization: `Bearer ${fleet.adminKey}`, 'content-type': 'application/json' };
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${fleet.url}${path}`, { headers });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  };
  const status = async (id: string): Promise<RequestStatus> =>
    (await get(`/v1/emails/${encodeURIComponent(id)}`)) as RequestStatus;
  const accepted = async (): Promise<AcceptedLine[]> => {
    const text = await (await fetch(`${fleet.simulatorUrl}/accepted`)).text();
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as AcceptedLine]));
  };
  return {
    get,
    status,
    accepted,
    post: (body: unknown, more: Readonly<Record<string, string>> = {}): Promise<Response> =>
      fetch(`${fleet.url}/v1/emails`, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) }),
    send: async (body: unknown): Promise<{ id: string; messages: { id: string; email: string }[] }> => {
      const response = await fetch(`${fleet.url}/v1/emails`, { method: 'POST', headers, body: JSON.stringify(body) });
      if (response.status !== 202) throw new Error(`answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as { id: string; messages: { id: string; email: string }[] };
    },
    control: async (esp: string, settings: unknown): Promise<void> => {
      const response = await fetch(`${fleet.simulatorUrl}/control/${esp}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(settings),
      });
      if (!response.ok) throw new Error(`the simulator answered ${response.status}: ${await response.text()}`);
    },
    /** Waits until no message of the request has anything left to happen to it but webhooks. */
    done: (id: string, deadlineMs: number): Promise<RequestStatus> =>
      waitFor(
        async () => {
          const now = await status(id);
          return now.status === 'done' ? now : undefined;
        },
        { what: `request ${id} being done`, deadlineMs },
      ),
    /** Every message of a request, page by page. */
    messages: async (requestId: string): Promise<ListedMessage[]> => {
      const all: ListedMessage[] = [];
      for (;;) {
        const last = all.at(-1);
        const page = (await get(
          `/v1/messages?requestId=${encodeURIComponent(requestId)}&limit=1000${last === undefined ? '' : `&after=${last.id}`}`,
        )) as { data: ListedMessage[]; hasMore: boolean };
        all.push(...page.data);
        if (!page.hasMore) return all;
      }
    },
  };
};

/** How often each message was accepted, by its id. */
export const timesAccepted = (lines: readonly AcceptedLine[]): ReadonlyMap<string, number> => {
  const times = new Map<string, number>();
  for (const { messageId } of lines) times.set(messageId, (times.get(messageId) ?? 0) + 1);
  return times;
};
