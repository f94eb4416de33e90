import { describe, expect, test } from '@jest/globals';
import { readSeedRecord } from '../../../consumers/email-send/read-seed-record.ts';
import { prepareRequest } from '../../../consumers/email-send/prepare-request.ts';
import { sendRecord } from '../../../shared/contracts/email.ts';
import { InvalidMessageError } from '../../../shared/errors.ts';

const record = {
  BatchID: 7,
  MessageID: 'seed-1',
  UserID: 3,
  headers: {},
  Body: {
    From: { Email: 'shop@acme.example', Name: 'Acme "Shop"' },
    reply_to: 'Help <help@acme.example>',
    subject: 'Hello -name-',
    personalizations: [
      {
        to: [{ email: 'ann@example.org', name: 'Ann' }, 'Bea <bea@example.org>'],
        cc: [{ email: 'copy@example.org' }],
        substitutions: { name: 'Ann', greeting: 'warm', '%code%': 'A<1>' },
      },
      { to: ['cid@example.org'], subject: 'For {{name}} only', substitutions: { name: 'Cid', greeting: 'cool' } },
    ],
    content: [
      { type: 'text/plain', value: 'Hi {{name}}, %code%. {{ unknown }} stays.' },
      { type: 'text/html', value: '<p>-greeting-</p>' },
    ],
    sections: { warm: '<b>Dear -name-</b>', cool: '<i>Hey {{name}}</i>' },
    categories: ['news'],
    custom_args: { IsBatch: true },
  },
};

const read = (value: unknown) => {
  const parsed = sendRecord.parse(value);
  if (!('body' in parsed)) throw new TypeError('not taken for a seed record');
  return readSeedRecord(parsed);
};

/** What each recipient would see, by the same road as any request. */
const seen = (value: unknown) => {
  const request = prepareRequest(read(value), {
    requestId: 'r',
    laneClass: 'transactional',
    configuredEsps: ['sendgrid'],
    judgeSender: () => undefined,
  });
  const { content } = request.mail;
  return request.recipients.map((recipient) => {
    const values = request.mail.valuesFor(recipient.substitutions ?? {}, { id: 'm', email: recipient.email });
    const fill = (text = ''): string =>
      Object.entries(values).reduce((filled, [token, ready]) => filled.replaceAll(token, ready), text);
    return {
      email: recipient.email,
      cc: recipient.cc,
      subject: fill(content.subject),
      text: fill(content.text),
      html: fill(content.html),
    };
  });
};

describe("the Go consumer's record", () => {
  test('makes each "to" a message, with sections and both kinds of placeholders replaced', () => {
    expect(seen(record)).toEqual([
      {
        email: 'ann@example.org',
        cc: ['copy@example.org'],
        subject: 'Hello Ann',
        text: 'Hi Ann, A<1>. {{ unknown }} stays.',
        html: '<p><b>Dear Ann</b></p>',
      },
      {
        email: 'bea@example.org',
        cc: undefined,
        subject: 'Hello Ann',
        text: 'Hi Ann, A<1>. {{ unknown }} stays.',
        html: '<p><b>Dear Ann</b></p>',
      },
      {
        email: 'cid@example.org',
        cc: undefined,
        subject: 'For Cid only',
        text: 'Hi Cid, . {{ unknown }} stays.',
        html: '<p><i>Hey Cid</i></p>',
      },
    ]);
  });

  test('keeps its id, batch, sender, reply-to, tags and custom arguments', () => {
    expect(read(record)).toMatchObject({
      id: 'seed-1',
      batch: { id: '7' },
      from: '"Acme \\"Shop\\"" <shop@acme.example>',
      replyTo: 'Help <help@acme.example>',
      tags: ['news'],
      recipients: [{ metadata: { IsBatch: 'true' } }, {}, {}],
    });
  });

  test('takes batch 0 for none, and a message id that cannot be a request id for none', () => {
    const plain = read({ ...record, BatchID: 0, MessageID: 'has spaces' });
    expect(plain.batch).toBeUndefined();
    expect(plain.id).toBeUndefined();
  });

  test('is told from a request of ours whatever the case of its keys', () => {
    const shouted = {
      BODY: {
        FROM: 'a@acme.example',
        PERSONALIZATIONS: [{ TO: [{ EMAIL: 'x@example.org' }] }],
        CONTENT: [{ TYPE: 'text/plain', VALUE: 'hi' }],
      },
    };
    expect(seen(shouted)).toMatchObject([{ email: 'x@example.org', text: 'hi' }]);
  });

  test('a bad address is a clear refusal', () => {
    const bad = {
      body: {
        from: 'a@acme.example',
        personalizations: [{ to: ['nobody at all'] }],
        content: [{ type: 'text/plain', value: 'hi' }],
      },
    };
    expect(() => seen(bad)).toThrow(InvalidMessageError);
  });
});
