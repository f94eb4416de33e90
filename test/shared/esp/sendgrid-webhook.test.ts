import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ConfigError, InvalidMessageError } from '../../../shared/errors.ts';
import { translateSendgridWebhook, verifySendgridWebhook } from '../../../shared/esp/sendgrid/webhook.ts';

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../fixtures/sendgrid/${name}.json`, import.meta.url));
const translate = (items: unknown) => translateSendgridWebhook(Buffer.from(JSON.stringify(items)));

describe("SendGrid's events", () => {
  it('come out as ours, every type of them', () => {
    const { events, rest } = translateSendgridWebhook(fixture('all-events'));
    expect(
      events.map(({ index, type, bounceClass, machine, reason }) => [index, type, bounceClass, machine, reason]),
    ).toEqual([
      [1, 'delivered', undefined, undefined, undefined],
      [2, 'deferred', undefined, undefined, '450 4.2.1 try again later'],
      [3, 'bounced', 'hard', undefined, '5.1.1 550 5.1.1 The account does not exist'],
      [4, 'bounced', 'soft', undefined, '5.7.1 550 5.7.1 Sender is listed'],
      [5, 'failed', undefined, undefined, '5.0.0 Bounced Address'],
      [6, 'opened', undefined, undefined, undefined],
      [7, 'opened', undefined, true, undefined],
      [8, 'clicked', undefined, undefined, undefined],
      [9, 'complained', undefined, undefined, undefined],
      [10, 'unsubscribed', undefined, undefined, undefined],
      [11, 'unsubscribed', undefined, undefined, undefined],
    ]);
    expect(rest.map(({ index, kind }) => [index, kind])).toEqual([
      [0, 'ignored'],
      [12, 'ignored'],
      [13, 'ignored'],
    ]);
    expect(events[0]).toEqual({
      type: 'delivered',
      id: 'evt-delivered',
      at: '2025-10-09T08:53:20.000Z',
      index: 1,
      recipient: 'ann@example.org',
      messageId: '01890a5d-0000-7000-8000-000000000001',
      attemptId: '01890a5d-0000-7000-8000-000000000001.1',
      providerMessageId: '14c5d75ce93dfd',
    });
    expect(events[4]?.providerMessageId).toBe('otherid');
  });

  it('are read without message id and own data, as a late bounce comes', () => {
    const { events } = translateSendgridWebhook(fixture('late-bounce'));
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      type: 'bounced',
      bounceClass: 'hard',
      recipient: 'ann@example.org',
      id: 'evt-late',
    });
    expect(events[0]?.messageId).toBeUndefined();
  });

  it('keep 99 good ones beside a bad one', () => {
    const good = { event: 'delivered', email: 'a@example.org', timestamp: 1_760_000_000 };
    for (const bad of [
      null,
      7,
      'x',
      [],
      {},
      { event: 'novel' },
      { event: 'constructor' },
      { ...good, timestamp: 'soon' },
    ]) {
      const { events, rest } = translate([
        ...Array.from({ length: 50 }, () => good),
        bad,
        ...Array.from({ length: 49 }, () => good),
      ]);
      expect(events).toHaveLength(99);
      expect(rest).toEqual([expect.objectContaining({ kind: 'unreadable', index: 50 })]);
    }
  });

  it.each([0, -1, 99_999_999_999_999, 1e300, null, ['1760000000']])('have no usable time in %j', (timestamp) => {
    const { events, rest } = translate([{ event: 'open', email: 'a@example.org', timestamp }]);
    expect(events).toEqual([]);
    expect(rest).toEqual([expect.objectContaining({ kind: 'unreadable' })]);
  });

  it('get the same id on every repeat and another for another happening when SendGrid gives none', () => {
    const click = {
      event: 'click',
      email: 'a@example.org',
      timestamp: 1_760_000_000,
      sg_message_id: 'x.filter1',
      url: 'u',
    };
    const ids = translate([click, { ...click, sg_message_id: 'x.recvd9' }, { ...click, url: 'v' }]).events.map(
      ({ id }) => id,
    );
    expect(ids[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('bring texts that Kafka and Postgres can keep', () => {
    const reason = `a\u0000b\ud800${'x'.repeat(5_000)}`;
    const [event] = translate([{ event: 'dropped', email: 'a@example.org', timestamp: 1_760_000_000, reason }]).events;
    expect(event?.reason).toHaveLength(2_000);
    expect(event?.reason?.startsWith('ab\ufffdxx')).toBe(true);
  });

  it.each(['', 'not json', '{}', '"x"', 'null'])('are no body that says %j', (body) => {
    expect(() => translateSendgridWebhook(Buffer.from(body))).toThrow(InvalidMessageError);
  });
});

describe("SendGrid's signature", () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const keyText = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const now = () => new Date('2026-11-01T12:00:00Z');
  const verify = verifySendgridWebhook(keyText, now);
  const body = Buffer.from('[{"event":"open"}]\r\n');
  const signed = (ageSeconds = 0, key = privateKey) => {
    const timestamp = String(now().getTime() / 1000 - ageSeconds);
    const signature = sign('sha256', Buffer.concat([Buffer.from(timestamp), body]), key).toString('base64');
    return {
      rawBody: body,
      headers: {
        'x-twilio-email-event-webhook-signature': signature,
        'X-Twilio-Email-Event-Webhook-Timestamp': timestamp,
      } as Record<string, string>,
    };
  };

  it('is believed as it was made, with the key in PEM as well', () => {
    expect(verify(signed())).toBe(true);
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(verifySendgridWebhook(pem, now)(signed())).toBe(true);
  });

  it('is refused when any byte of the body is another', () => {
    const request = signed();
    for (let index = 0; index < body.length; index += 1) {
      const rawBody = Buffer.from(body);
      rawBody.writeUInt8(body.readUInt8(index) ^ 1, index);
      expect(verify({ ...request, rawBody })).toBe(false);
    }
    expect(verify({ ...request, rawBody: body.subarray(0, -2) })).toBe(false);
  });

  it('is refused with a moved timestamp, another key, or in another place', () => {
    const request = signed();
    const moved = { ...request.headers, 'X-Twilio-Email-Event-Webhook-Timestamp': String(now().getTime() / 1000 - 1) };
    expect(verify({ rawBody: body, headers: moved })).toBe(false);
    expect(verify(signed(0, generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey))).toBe(false);
    expect(verify({ rawBody: body, headers: {} })).toBe(false);
  });

  it.each(['', 'x', '%%%', 'AAAA', Buffer.alloc(72).toString('base64'), 'A'.repeat(10_000)])(
    'is refused and not tripped over when it says %.20j',
    (signature) => {
      const { headers } = signed();
      expect(
        verify({ rawBody: body, headers: { ...headers, 'x-twilio-email-event-webhook-signature': signature } }),
      ).toBe(false);
    },
  );

  it.each([
    [7.9 * 86_400, true],
    [8.1 * 86_400, false],
    [-299, true],
    [-301, false],
  ])('of an age of %d seconds is believed: %s', (age, believed) => {
    expect(verify(signed(Math.round(age)))).toBe(believed);
  });

  it('needs a key that is one', () => {
    expect(() => verifySendgridWebhook('bm8ga2V5', now)).toThrow(ConfigError);
  });
});
