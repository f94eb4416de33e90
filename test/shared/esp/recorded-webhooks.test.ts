import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { webhookEsps, type WebhookEsp } from '../../../shared/contracts/topics.ts';
import { webhookProvider } from '../../../shared/esp/providers.ts';

// Whole payloads as the vendors' pages show them, each beside what it has to come out as.

interface Recorded {
  readonly what: string;
  /** One of them: the body as JSON, as a form, or the record or text inside an SNS message. */
  readonly body?: unknown;
  readonly form?: string;
  readonly record?: unknown;
  readonly text?: string;
  /** Facts of each event; null for a fact that must be missing. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
  /** Places that are no events, expected or not. */
  readonly ignored?: readonly number[];
  readonly unreadable?: readonly number[];
}

const recorded = (esp: WebhookEsp): readonly Recorded[] =>
  JSON.parse(
    readFileSync(new URL(`../../fixtures/${esp}/recorded.json`, import.meta.url), 'utf8'),
  ) as readonly Recorded[];

const inSns = (message: string) => ({
  Type: 'Notification',
  MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
  TopicArn: 'arn:aws:sns:us-west-2:123456789012:MyTopic',
  Message: message,
  Timestamp: '2025-11-07T10:30:01.000Z',
  SignatureVersion: '1',
  Signature: 'x',
  SigningCertURL: 'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-x.pem',
  UnsubscribeURL: 'https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe',
});

const bodyOf = ({ body, form, record, text }: Recorded): string => {
  if (form !== undefined) return form;
  if (body !== undefined) return JSON.stringify(body);
  return JSON.stringify(inSns(text ?? JSON.stringify(record)));
};

const translate = (esp: WebhookEsp, body: string) => {
  const provider = webhookProvider(esp);
  if (provider === undefined) throw new Error(`${esp} has no webhooks`);
  return provider.translate(Buffer.from(body));
};

const cases = webhookEsps.flatMap((esp) => recorded(esp).map((each) => [esp, each.what, each] as const));

describe('A recorded webhook', () => {
  it.each(cases)('of %s: %s', (esp, _, each) => {
    const { events, rest } = translate(esp, bodyOf(each));
    expect(events).toHaveLength(each.events.length);
    each.events.forEach((expected, place) => {
      const event: Readonly<Record<string, unknown>> = { ...events[place] };
      const got = Object.fromEntries(Object.keys(expected).map((name) => [name, event[name] ?? null]));
      expect(got).toEqual(expected);
      if (expected['machine'] === undefined) expect(event['machine']).toBeUndefined();
    });
    const places = (kind: string) => rest.filter((part) => part.kind === kind).map(({ index }) => index);
    expect(places('ignored')).toEqual(each.ignored ?? []);
    expect(places('unreadable')).toEqual(each.unreadable ?? []);
  });

  it.each(cases)('of %s, said again or behind a byte order mark, has the same ids: %s', (esp, _, each) => {
    const ids = (body: string) => translate(esp, body).events.map(({ id }) => id);
    const body = bodyOf(each);
    expect(ids(body)).toEqual(ids(body));
    if (each.form === undefined) expect(ids(`\uFEFF${body}`)).toEqual(ids(body));
  });
});
