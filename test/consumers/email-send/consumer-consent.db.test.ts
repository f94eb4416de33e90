// Suppressions and stored templates on the road of mail: what is claimed, what is not, and what it is made of.
import { describe, expect, it } from '@jest/globals';
import { claimsOn } from '../../../consumers/email-send/consumer-claims.ts';
import { portsOn } from '../../../consumers/email-send/consumer-ports.ts';
import { routingOn } from '../../../consumers/email-send/consumer-routing.ts';
import { sendersOn } from '../../../consumers/email-send/consumer-senders.ts';
import { templatesOn } from '../../../consumers/email-send/consumer-templates.ts';
import { emailSend } from '../../../consumers/email-send/consumer.ts';
import { kafkaEnv, parseEnv } from '../../../shared/config/env.ts';
import type { EmailRecord, SendRecord } from '../../../shared/contracts/email.ts';
import { topicsOf, type SendLane } from '../../../shared/contracts/topics.ts';
import { loadRequests } from '../../../shared/db/requests.ts';
import { addSuppressions, removeSuppressions, type NewSuppression } from '../../../shared/db/suppressions.ts';
import { changeTemplate, createTemplate, deleteTemplate } from '../../../shared/db/templates.ts';
import { messageIdsOf } from '../../../shared/domain/request-ids.ts';
import { linkMaker, readUnsubscribeToken, unsubscribeKey } from '../../../shared/domain/unsubscribe-link.ts';
import type { Delivery, DeliveryAnswer, Esp } from '../../../shared/esp/esp.ts';
import { tokenReplacer } from '../../../shared/esp/replace-tokens.ts';
import { createLog } from '../../../shared/runtime/log.ts';
import { createMetrics } from '../../../shared/runtime/metrics.ts';
import { weighingOf } from '../../support/weighing.ts';
import { storedMessage, useDatabase } from '../../shared/db/tables.ts';
import { someLimits } from './deliveries.ts';

const database = useDatabase();
const secret = 's'.repeat(32);
const key = unsubscribeKey(secret);
const accepted: DeliveryAnswer = { outcome: 'accepted', providerMessageId: 'p' };
const outage: DeliveryAnswer = { outcome: 'unavailable', reason: 'outage', code: '503', detail: 'down' };

interface World {
  readonly got: Delivery[];
  readonly answers: Map<string, () => DeliveryAnswer | Promise<DeliveryAnswer>>;
  handle(values: readonly SendRecord[], lane?: SendLane): Promise<readonly { readonly kind: string }[]>;
}

/** A sender with two ESPs in memory, which take everything unless they are told otherwise. */
const aWorld = (links: 'signed' | 'none' = 'signed'): World => {
  const makeLink = links === 'none' ? undefined : linkMaker(key, 'https://mail.example/');
  const got: Delivery[] = [];
  const answers: World['answers'] = new Map();
  const espOf = (name: string): Esp => ({
    name,
    kind: 'smtp',
    limits: someLimits,
    knowsRepeats: true,
    send: (deliveries) =>
      Promise.all(
        deliveries.map(async (delivery) => {
          const answer = await (answers.get(name) ?? (() => accepted))();
          if (answer.outcome === 'accepted') got.push(delivery);
          return answer;
        }),
      ),
    close: () => Promise.resolve(),
  });
  const esps = [espOf('alpha'), espOf('beta')];
  const names = esps.map(({ name }) => name);
  const weighing = weighingOf('even', names, 86_400);
  const routing = routingOn(database.pool, weighing);
  const content = { load: () => Promise.reject(new TypeError('no heavy content here')) };
  const templates = templatesOn(database.pool);
  const log = createLog({ name: 'test', level: 'silent' });
  const ports = portsOn(database.pool, esps, { metrics: createMetrics('test'), log }, routing, {
    roundSeconds: 86_400,
    patienceMs: 20_000,
  });
  return {
    got,
    answers,
    handle: async (values, lane = 'email-send') => {
      const topic = topicsOf(parseEnv(kafkaEnv, { KAFKA_BROKERS: 'b:9092' })).send[lane];
      const consumer = emailSend({
        ...{ lane, topic, configuredEsps: names, content, templates, makeLink, ports },
        claims: claimsOn(database.pool, lane, weighing, routing, content, new Set(names), { templates, makeLink }),
        noteKeys: (keys) => Promise.resolve(keys.map(() => true)),
        senders: sendersOn(database.pool, Date.now),
      });
      return consumer.handleBatch(
        values.map((value, index) => ({
          ...{ value, raw: Buffer.from(JSON.stringify(value)), key: undefined, headers: {} },
          ...{ offset: BigInt(index), timestampMs: 1_700_000_000_000 },
        })),
        { topic: topic.name, partition: 0, cluster: 'c', highWatermark: 10n, signal: new AbortController().signal },
      );
    },
  };
};

const request = (id: string, emails: readonly string[], more: Partial<EmailRecord> = {}): EmailRecord => ({
  ...{ id, from: 'news@acme.example', text: 'Hi' },
  recipients: emails.map((email) => ({ email })),
  ...more,
});
const suppress = (more: Partial<NewSuppression> = {}) =>
  addSuppressions(database.pool, [
    { accountId: 'admin', email: 'bad@example.org', list: '', reason: 'hard-bounce', scope: 'all', ...more },
  ]);
const states = async (id: string): Promise<Record<string, string>> => {
  const { rows } = await database.pool.query<{ email: string; status: string }>(
    'select email, status from messages where request_id = $1',
    [id],
  );
  return Object.fromEntries(rows.map(({ email, status }) => [email, status]));
};
const readyText = (delivery: Delivery | undefined): string =>
  tokenReplacer(Object.keys(delivery?.values ?? {}))(delivery?.content.text ?? '', delivery?.values ?? {});

describe('A suppressed recipient', () => {
  it('is never handed to an ESP, in any case of letters; the others are, and the counts and the split add up', async () => {
    await suppress({ email: 'Bad@Example.org' });
    const world = aWorld();
    await world.handle([request('r1', ['a@example.org', 'BAD@example.org', 'b@example.org', 'c@example.org'])]);
    expect(world.got.map(({ to }) => to.email).sort()).toEqual(['a@example.org', 'b@example.org', 'c@example.org']);
    expect(await states('r1')).toMatchObject({ 'a@example.org': 'sent', 'BAD@example.org': 'suppressed' });
    const stored = (await loadRequests(database.pool, ['r1'], { withContent: false })).get('r1');
    expect(stored?.split).toEqual({ alpha: 2, beta: 2 });
    const message = await storedMessage(database.pool, messageIdsOf('r1')(1));
    expect(message).toMatchObject({ attempt: 0, lease_token: null, reason: 'Not sent: its address bounced for good.' });
  });

  it('of another account is mailed', async () => {
    await suppress({ accountId: 'acme' });
    const world = aWorld();
    await world.handle([request('r1', ['bad@example.org'])]);
    expect(world.got).toHaveLength(1);
  });

  it.each([
    ['hard-bounce', 'all', '', [false, false, false, false]],
    ['soft-bounces', 'all-but-codes', '', [true, false, false, false]],
    ['complaint', 'promotional', '', [true, true, false, false]],
    ['unsubscribe', 'list', 'news', [true, true, true, false]],
  ] as const)(
    'by %s (%s) gets what its scope leaves: codes, receipts, bulk, news',
    async (reason, scope, list, flows) => {
      await suppress({ reason, scope, list });
      const kinds: Partial<EmailRecord>[] = [
        { class: 'otp' },
        { class: 'transactional' },
        { class: 'bulk' },
        { class: 'bulk', unsubscribe: { list: 'news' } },
      ];
      const got = await Promise.all(
        kinds.map(async (kind, index) => {
          const world = aWorld();
          await world.handle([request(`r${index}`, ['bad@example.org'], kind)]);
          return world.got.length === 1;
        }),
      );
      expect(got).toEqual(flows);
    },
  );

  it('is kept back when its time comes, and sent to again once the suppression is gone', async () => {
    const world = aWorld();
    const id = (n: string) => messageIdsOf(n)(0);
    const later = { sendAt: '2100-01-01T00:00:00Z' };
    await world.handle([request('r1', ['bad@example.org'], later), request('r2', ['bad@example.org'], later)]);
    await suppress();
    await database.pool.query('update messages set due_at = now()');
    await world.handle([{ due: [id('r1')] }]);
    await removeSuppressions(database.pool, 'admin', { email: 'bad@example.org' });
    await world.handle([{ due: [id('r2')] }]);
    expect(await storedMessage(database.pool, id('r1'))).toMatchObject({ status: 'suppressed', due_in_ms: null });
    expect(await storedMessage(database.pool, id('r2'))).toMatchObject({ status: 'sent' });
    expect(world.got).toHaveLength(1);
  });

  it('is not handed to the next ESP when it became known during the first call', async () => {
    const world = aWorld();
    for (const esp of ['alpha', 'beta']) {
      world.answers.set(esp, async () => {
        await suppress();
        return outage;
      });
    }
    await world.handle([request('r1', ['bad@example.org'])]);
    const message = await storedMessage(database.pool, messageIdsOf('r1')(0));
    expect(message).toMatchObject({ status: 'suppressed', attempt: 1, lease_token: null });
    expect(message.reason).toContain('its address bounced for good');
  });

  it('ends the repeat of a call that nobody knows the end of: the others go anew and say so', async () => {
    const world = aWorld();
    const unknown: DeliveryAnswer = { outcome: 'unknown', code: 'timeout', detail: 'no answer' };
    for (const esp of ['alpha', 'beta']) world.answers.set(esp, () => unknown);
    const asked = request('r1', ['a@example.org', 'bad@example.org'], { esps: ['alpha'] });
    await world.handle([asked]);
    world.answers.clear();
    await suppress();
    await database.pool.query(`update messages set status = 'queued', due_at = now()`);
    await world.handle([{ due: [0, 1].map(messageIdsOf('r1')) }]);
    expect(world.got.map(({ to }) => to.email)).toEqual(['a@example.org']);
    expect(await states('r1')).toEqual({ 'a@example.org': 'sent', 'bad@example.org': 'suppressed' });
    expect(await storedMessage(database.pool, messageIdsOf('r1')(0))).toMatchObject({ duplicate_suspected: true });
  });

  it('gets no copy either', async () => {
    await suppress();
    const world = aWorld();
    const recipients = [
      { email: 'a@example.org', cc: ['Bad <bad@example.org>', 'c@example.org'], bcc: ['BAD@example.org'] },
    ];
    await world.handle([request('r1', [], { recipients })]);
    expect(world.got).toMatchObject([{ cc: [{ email: 'c@example.org' }], bcc: [] }]);
  });
});

describe('Mail that names a list', () => {
  const news = { unsubscribe: { list: 'news' }, text: 'Out: {{ unsubscribeUrl }}' };

  it('brings each recipient a link of its own, in the headers of RFC 8058 and as a variable', async () => {
    const world = aWorld();
    await world.handle([request('r1', ['a@example.org', 'b@example.org'], news)]);
    expect(world.got).toHaveLength(2);
    for (const delivery of world.got) {
      const header = delivery.content.headers['List-Unsubscribe'] ?? '';
      const [, url = ''] = /^<(.*)>$/.exec(tokenReplacer(Object.keys(delivery.values))(header, delivery.values)) ?? [];
      expect(delivery.content.headers['List-Unsubscribe-Post']).toBe('List-Unsubscribe=One-Click');
      expect(readyText(delivery)).toBe(`Out: ${url}`);
      const [, token = ''] = /^https:\/\/mail\.example\/u\/([\w-]+)$/.exec(url) ?? [];
      expect(readUnsubscribeToken(key, token)).toEqual({
        ...{ accountId: 'admin', list: 'news', email: delivery.to.email },
        messageId: delivery.messageId.replace('msg_', ''),
      });
    }
  });

  it('is a dead letter where nothing can sign its link', async () => {
    const world = aWorld('none');
    const outcomes = await world.handle([request('r1', ['a@example.org'], news), request('r2', ['b@example.org'])]);
    expect(outcomes).toMatchObject([{ kind: 'reject', code: 'no-link-secret' }, { kind: 'done' }]);
  });
});

describe('A stored template', () => {
  const name = { accountId: 'admin', id: 'welcome', name: 'Welcome' };
  const content = (text: string) => ({
    defaultLanguage: 'en',
    languages: { en: { subject: 'Hi', text }, fr: { subject: 'Salut', text: `${text} (fr)` } },
  });
  const asked = (language?: string): Partial<EmailRecord> => ({
    ...{ text: undefined, template: { id: 'welcome', language }, data: { shop: 'Acme' } },
    recipients: [{ email: 'a@example.org', substitutions: { name: 'Ann' } }],
  });

  it('gives the texts, in the language that is nearest, and its version to the request', async () => {
    await createTemplate(database.pool, name, content('{{ shop }} greets {{ name }}'));
    const world = aWorld();
    await world.handle([request('r1', [], asked('fr-CA')), request('r2', [], asked('de'))]);
    expect(world.got.map(readyText).sort()).toEqual(['Acme greets Ann', 'Acme greets Ann (fr)']);
    const stored = await loadRequests(database.pool, ['r1'], { withContent: true });
    expect(stored.get('r1')).toMatchObject({
      ...{
        templateId: 'welcome',
        templateVersion: 1,
        content: { template: { id: 'welcome', language: 'fr', version: 1 } },
      },
    });
    expect(stored.get('r1')?.content.text).toBeUndefined();
  });

  it('keeps a request to the version it met, also for its later parts, mail that waits, and after its end', async () => {
    await createTemplate(database.pool, name, content('one'));
    const world = aWorld();
    const part = (number: number) => ({
      ...asked(),
      part: { number, of: 2, total: 2, first: number, providers: { other: { total: 2, first: number } } },
    });
    await world.handle([request('r1', [], part(0)), request('r2', [], { ...asked(), sendAt: '2100-01-01T00:00:00Z' })]);
    await changeTemplate(database.pool, { ...name, name: undefined }, content('two'));
    await world.handle([request('r1', [], part(1)), request('r3', [], asked())]);
    await deleteTemplate(database.pool, name);
    await database.pool.query(`update messages set due_at = now() where status = 'scheduled'`);
    const other = aWorld();
    await other.handle([{ due: [messageIdsOf('r2')(0)] }]);
    expect(world.got.map(readyText).sort()).toEqual(['one', 'one', 'two']);
    expect(other.got.map(readyText)).toEqual(['one']);
  });

  it('that is not there makes a dead letter of the record alone; so does that of another account', async () => {
    await createTemplate(database.pool, { ...name, accountId: 'acme' }, content('one'));
    const world = aWorld();
    const outcomes = await world.handle([request('r1', [], asked()), request('r2', ['b@example.org'])]);
    expect(outcomes).toMatchObject([{ kind: 'reject', code: 'unknown-template' }, { kind: 'done' }]);
    expect(world.got).toHaveLength(1);
  });
});
