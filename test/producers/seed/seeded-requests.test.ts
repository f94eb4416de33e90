import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createCounts } from '../../../producers/seed/counts.ts';
import { decisionRows, historyRows, type TableRows } from '../../../producers/seed/rows.ts';
import { decisionIdsOf, seedHistory, type SeedSettings } from '../../../producers/seed/seeded-requests.ts';
import { copyLine } from '../../../shared/db/copy-rows.ts';
import { mailboxProviderOf } from '../../../shared/domain/mailbox-provider.ts';

const untilMs = Date.UTC(2026, 10, 24);

const fingerprint = (settings: SeedSettings): string => {
  const history = seedHistory(settings);
  const rows = historyRows();
  for (const request of history.requests()) rows.add(request);
  const hash = createHash('sha256');
  const tables: TableRows[] = [...rows.tables, decisionRows(history.decisions())];
  for (const table of tables) for (const row of table.rows) hash.update(copyLine(row));
  return hash.digest('hex');
};

const readAll = (settings: SeedSettings) => {
  const history = seedHistory(settings);
  const requests = [...history.requests()];
  return { requests, messages: requests.flatMap((request) => request.messages), decisions: history.decisions() };
};

describe('the invented history', () => {
  test('is the same for the same seed, and another for another', () => {
    const settings = { messages: 2_000, seed: 7, untilMs };
    expect(fingerprint(settings)).toBe(fingerprint(settings));
    expect(fingerprint({ ...settings, seed: 8 })).not.toBe(fingerprint(settings));
  });

  test.each([1, 2, 37, 1_000, 25_000])('has exactly %i messages, each with an id of its own', (messages) => {
    const all = readAll({ messages, seed: 1, untilMs }).messages;
    expect(all).toHaveLength(messages);
    expect(new Set(all.map((message) => message.id)).size).toBe(messages);
  });

  test('lies within the 30 days before its end, each event after its attempt', () => {
    const { messages } = readAll({ messages: 5_000, seed: 3, untilMs });
    for (const { atMs, fate } of messages) {
      expect(atMs).toBeGreaterThanOrEqual(untilMs - 30 * 86_400_000);
      expect(atMs).toBeLessThan(untilMs);
      const accepted = fate.attempts.at(-1)?.finishedMs ?? 0;
      for (const event of fate.events) {
        expect(event.atMs).toBeGreaterThan(accepted);
        expect(event.atMs).toBeLessThan(untilMs);
      }
    }
  });

  test('counts in its statistics what became of its messages', () => {
    const counts = createCounts();
    const history = seedHistory({ messages: 20_000, seed: 5, untilMs });
    const expected = { sent: 0, delivered: 0, bounced: 0, complained: 0, opened: 0, clicked: 0 };
    for (const request of history.requests()) {
      counts.add(request);
      for (const { fate } of request.messages) {
        const has = (type: string): number => Number(fate.events.some((event) => event.type === type));
        expected.sent += fate.status === 'failed' ? 0 : 1;
        expected.delivered += has('delivered');
        expected.bounced += has('bounced');
        expected.complained += has('complained');
        expected.opened += Math.min(1, fate.opens);
        expected.clicked += Math.min(1, fate.clicks);
      }
    }
    const sums = { sent: 0, delivered: 0, bounced: 0, complained: 0, opened: 0, clicked: 0 };
    for (const row of counts.statistics()) {
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += row[name];
    }
    expect(sums).toEqual(expected);
    expect(expected.sent).toBeGreaterThan(19_900);
    const delivered = counts.domains().reduce((sum, domain) => sum + domain.delivered, 0);
    expect(delivered).toBe(expected.delivered);
  });

  test('splits every request by a decision of 1000 in all that it names', () => {
    const { requests, decisions } = readAll({ messages: 5_000, seed: 2, untilMs });
    const { first, last } = decisionIdsOf(2);
    for (const { id, weights } of decisions) {
      expect(Object.values(weights).reduce((sum, weight) => sum + weight, 0)).toBe(1_000);
      expect(id >= first && id <= last).toBe(true);
    }
    for (const { decision, split, messages, send } of requests) {
      expect(decisions[decision.id - first]).toBe(decision);
      expect(messages).toHaveLength(send.size);
      expect(Object.values(split).reduce((sum, count) => sum + count, 0)).toBe(send.size);
    }
  });

  test('writes to people whose mailbox provider is their domain’s, once a campaign', () => {
    const { requests } = readAll({ messages: 5_000, seed: 2, untilMs });
    for (const { messages } of requests) {
      expect(new Set(messages.map(({ person }) => person.email)).size).toBe(messages.length);
      for (const { person } of messages) expect(mailboxProviderOf(person.domain)).toBe(person.provider);
    }
  });

  test('has domains that take everything and domains that do not', () => {
    const counts = createCounts();
    for (const request of seedHistory({ messages: 100_000, seed: 1, untilMs }).requests()) counts.add(request);
    const domains = counts.domains();
    expect(domains.filter(({ delivered, bounced }) => delivered > 1_000 && bounced === 0).length).toBeGreaterThan(1);
    expect(domains.filter(({ bounced }) => bounced > 0).length).toBeGreaterThan(50);
  });
});
