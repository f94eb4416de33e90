// The same message comes out the same through every one of the six ESPs: whole requests, over HTTP and from Kafka.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { espKinds, type EspKind } from '../../shared/esp/esp.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { clientOf, type AcceptedLine } from '../support/fleet-client.ts';
import { publishRecords } from '../support/publish-records.ts';
import { sameMessageCases } from '../support/same-message/cases.ts';
import type { ExpectedMail, SameMessageCase } from '../support/same-message/one-case.ts';

let fleet: TestFleet;
let client: ReturnType<typeof clientOf>;
/** What each ESP took, by message id. */
const taken = new Map<string, AcceptedLine>();
/** Requests by ESP and case. */
const requestIds = new Map<string, string>();

const keyOf = (kind: EspKind, one: SameMessageCase): string => `${kind}: ${one.name}`;

/** The Go consumer's record names no ESPs: it goes where the others are out. */
const publishGoRecord = async (kind: EspKind, one: SameMessageCase, id: string): Promise<void> => {
  await Promise.all(espKinds.map((other) => client.control(other, { outage: other !== kind })));
  await publishRecords(fleet, [JSON.stringify({ ...one.request, MessageID: id })]);
  await client.done(id, 60_000);
};

beforeAll(async () => {
  fleet = await startTestFleet({ processes: ['simulator', 'ingress', 'email-send'] });
  client = clientOf(fleet);
  for (const kind of espKinds) await client.control(kind, { latencyMs: 0, jitterMs: 0, webhookCopies: 0 });
  for (const one of sameMessageCases) {
    for (const kind of espKinds) {
      const request = { ...one.request, esps: [kind] };
      const id = `${kind}-${sameMessageCases.indexOf(one)}`;
      if (one.via === 'http') requestIds.set(keyOf(kind, one), (await client.send(request)).id);
      else requestIds.set(keyOf(kind, one), id);
      if (one.via === 'kafka') await publishRecords(fleet, [JSON.stringify({ ...request, id })]);
    }
  }
  for (const one of sameMessageCases.filter(({ via }) => via !== 'go')) {
    for (const kind of espKinds) await client.done(requestIds.get(keyOf(kind, one)) ?? '', 120_000);
  }
  for (const one of sameMessageCases.filter(({ via }) => via === 'go')) {
    // The relay first: after an outage its connections come back after a while.
    for (const kind of [...espKinds].reverse())
      await publishGoRecord(kind, one, requestIds.get(keyOf(kind, one)) ?? '');
  }
  for (const line of await client.accepted()) taken.set(line.messageId, line);
}, 400_000);
afterAll(() => fleet.stop(), 60_000);

const byEmail = <T extends { readonly email: string }>(mails: readonly T[]): T[] =>
  [...mails].sort((a, b) => (a.email < b.email ? -1 : 1));

const asExpected = (line: AcceptedLine, like: ExpectedMail) =>
  Object.fromEntries(Object.keys(like).map((key) => [key, line[key as keyof AcceptedLine]])) as Partial<ExpectedMail>;

describe.each(sameMessageCases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
  test.each(espKinds)('comes out of %s as it was meant', async (kind) => {
    const messages = await client.messages(requestIds.get(keyOf(kind, one)) ?? '');
    const lines = messages.flatMap(({ id }) => taken.get(id) ?? []);
    expect(new Set(lines.map(({ esp }) => esp))).toEqual(new Set([kind]));
    const [like] = one.expected;
    const got = byEmail(lines).map((line) => (like === undefined ? line : asExpected(line, like)));
    expect(got).toEqual(byEmail(one.expected));
  });
});

test('nothing was taken beyond what was asked for', () => {
  const expected = sameMessageCases.reduce((sum, one) => sum + one.expected.length, 0);
  expect(taken.size).toBe(expected * espKinds.length);
});
