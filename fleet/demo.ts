import Table from 'cli-table3';
import colors from 'picocolors';
import { z } from 'zod';
import { requestAnswer } from '../shared/contracts/api.ts';
import { domainAnswer } from '../shared/contracts/domains-api.ts';
import { weightsAnswer } from '../shared/contracts/routing-api.ts';
import { isFinal, messageStates } from '../shared/domain/message-state.ts';
import { demoRequest } from './demo-request.ts';
import { seconds } from './checklist.ts';
import type { FleetSettings } from './settings.ts';

type Weights = z.infer<typeof weightsAnswer>;
type Status = z.infer<typeof requestAnswer>;

// The demo speaks to the fleet as any client does: over HTTP, with the admin key.
const clientOf = ({ url, adminKey }: FleetSettings) => {
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
  const read = async <T>(schema: z.ZodType<T>, path: string, init: RequestInit = {}): Promise<T> => {
    const response = await fetch(`${url}${path}`, { ...init, headers });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return schema.parse(await response.json());
  };
  return {
    hasMessages: async () =>
      (await read(z.object({ data: z.array(z.unknown()) }), '/v1/messages?limit=1')).data.length > 0,
    send: (body: unknown) =>
      read(z.object({ id: z.string(), accepted: z.int() }), '/v1/emails', {
        method: 'POST',
        body: JSON.stringify(body),
      }),
    status: (id: string) => read(requestAnswer, `/v1/emails/${encodeURIComponent(id)}`),
    weights: () => read(weightsAnswer, '/v1/weights'),
    domain: (name: string) => read(domainAnswer, `/v1/domains/${name}`),
  };
};

const simulatorCounts = z.record(z.string(), z.object({ accepted: z.int(), pendingWebhooks: z.int() }));

/** What the simulated ESPs say themselves: how much each accepted, and whether it still has something to tell. */
const askSimulator = async ({ simulatorPort }: FleetSettings): Promise<z.infer<typeof simulatorCounts>> =>
  simulatorCounts.parse(await (await fetch(`http://127.0.0.1:${simulatorPort}/counts`)).json());

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const number = (value: number): string => value.toLocaleString('en-US');
const countOf = (status: Status, state: string): number => status.counts[state] ?? 0;

const progressLine = (status: Status): string => {
  const settled = countOf(status, 'delivered') + countOf(status, 'bounced') + countOf(status, 'complained');
  const handed = messageStates.reduce((sum, state) => sum + (isFinal(state) ? countOf(status, state) : 0), 0);
  const width = 24;
  const filled = Math.round((width * settled) / Math.max(1, status.total));
  const bar = '█'.repeat(filled) + '░'.repeat(width - filled);
  return `${bar} handed to ESPs ${number(handed)}, delivered ${number(countOf(status, 'delivered'))}, bounced ${number(countOf(status, 'bounced'))} of ${number(status.total)}`;
};

/** A line that is written over on a terminal, and now and then as a line of its own elsewhere. */
const liveLine = () => {
  let shownAt = 0;
  return {
    show: (text: string): void => {
      if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K  ${text}`);
      else if (Date.now() - shownAt > 2_000) {
        shownAt = Date.now();
        console.log(`  ${text}`);
      }
    },
    end: (text: string): void => {
      if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K`);
      console.log(`  ${text}`);
    },
  };
};

const isSettled = (status: Status, simulator: z.infer<typeof simulatorCounts>): boolean =>
  status.status === 'done' && Object.values(simulator).every((esp) => esp.pendingWebhooks === 0);

const perEsp = (value: Readonly<Record<string, number>>): string =>
  Object.keys(value)
    .sort()
    .map((esp) => `${esp} ${number(value[esp] ?? 0)}`)
    .join(' · ');

const weightsInWords = (before: Weights, after: Weights): string =>
  after.esps
    .map(({ esp, weight }) => `${esp} ${before.esps.find((row) => row.esp === esp)?.weight ?? 0} → ${weight}`)
    .join(' · ');

/** Waits until the weights speak of outcomes that are younger than the demo, at most 12 s. */
const weightsAfter = async (client: ReturnType<typeof clientOf>, status: Status): Promise<Weights> => {
  const deadline = Date.now() + 12_000;
  const told = countOf(status, 'delivered') + countOf(status, 'bounced') + countOf(status, 'complained');
  for (;;) {
    const weights = await client.weights();
    const known = weights.esps.reduce((sum, esp) => sum + esp.delivered + esp.bounced, 0);
    if (known >= told || Date.now() > deadline) return weights;
    await pause(500);
  }
};

/**
 * One request to `size` recipients over the simulated ESPs, watched until every outcome has come back. Does nothing on
 * a database that already holds messages. Throws when the fleet does not answer.
 */
export const runDemo = async (settings: FleetSettings, size: number): Promise<void> => {
  const client = clientOf(settings);
  if (!settings.hasSimulator || (await client.hasMessages())) return;

  const before = await client.weights();
  console.log(
    `\n${colors.bold(`Demo: one request to ${number(size)} recipients, over ${before.esps.length} simulated ESPs`)}`,
  );
  const startedAt = Date.now();
  const { id, accepted } = await client.send(demoRequest(size));
  const line = liveLine();
  let status = await client.status(id);
  const deadline = startedAt + 90_000 + size * 5;
  while (!isSettled(status, await askSimulator(settings)) && Date.now() < deadline) {
    line.show(progressLine(status));
    await pause(250);
    status = await client.status(id);
  }
  // The last webhooks are on their topics; their states follow within a moment.
  let quietSince = Date.now();
  while (Date.now() - quietSince < 1_500 && Date.now() < deadline) {
    await pause(250);
    const next = await client.status(id);
    if (JSON.stringify(next.counts) !== JSON.stringify(status.counts)) quietSince = Date.now();
    status = next;
    line.show(progressLine(status));
  }
  line.end(progressLine(status));

  const simulator = await askSimulator(settings);
  const after = await weightsAfter(client, status);
  const domains = await Promise.all(
    ['gmail.com', 'outlook.com', 'acme-corp.example'].map((name) => client.domain(name)),
  );
  const states = Object.entries(status.counts).filter(([, count]) => count > 0);
  const table = new Table({ head: [], style: { head: [], border: [] } });
  table.push(
    ['accepted', number(accepted)],
    ['split by weight', perEsp(status.split)],
    ['ESPs accepted', perEsp(Object.fromEntries(Object.entries(simulator).map(([esp, { accepted: n }]) => [esp, n])))],
    ['final states', states.map(([state, count]) => `${state} ${number(count)}`).join(' · ')],
    ['opened', number(after.esps.reduce((sum, esp) => sum + esp.opened, 0))],
    ['weights of 1000', weightsInWords(before, after)],
    [
      'domain verdicts',
      domains
        .map(
          ({ domain, status: verdict, delivered, bounced }) =>
            `${domain} ${verdict} (${delivered} delivered, ${bounced} bounced)`,
        )
        .join('\n'),
    ],
  );
  console.log(table.toString());
  console.log(
    `  done in ${seconds(Date.now() - startedAt)}. ${number(countOf(status, 'sent'))} still say "sent": nothing more was told of them, as happens in real life, and always with SMTP.\n` +
      `  What became of the request:  curl -H 'Authorization: Bearer ${settings.adminKey}' ${settings.url}/v1/emails/${id}\n` +
      `  One line per message:        curl -H 'Authorization: Bearer ${settings.adminKey}' '${settings.url}/v1/messages?requestId=${id}&limit=5'\n`,
  );
};
