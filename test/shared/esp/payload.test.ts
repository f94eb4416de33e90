import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Address, Delivery } from '../../../shared/esp/esp.ts';
import { postmarkBatch } from '../../../shared/esp/postmark/payload.ts';
import { tokenReplacer } from '../../../shared/esp/replace-tokens.ts';
import { sendgridCalls } from '../../../shared/esp/sendgrid/payload.ts';
import { sesTags } from '../../../shared/esp/ses/tags.ts';
import { socketlabsCalls } from '../../../shared/esp/socketlabs/payload.ts';
import { sparkpostCalls } from '../../../shared/esp/sparkpost/payload.ts';
import { deliveryTo } from './contract.ts';

const address = (email: string): Address => ({ email });

describe('Replacing tokens', () => {
  it('puts every value in as it stands and looks at none again', () => {
    const values = { '⟦a⟧': '$& ⟦b⟧ \\1', '⟦b⟧': 'B', '⟦a⟧⟦b⟧': 'both', '.*': 'dot' };
    const replace = tokenReplacer(Object.keys(values));
    expect(replace('⟦a⟧, ⟦a⟧⟦b⟧, ⟦b⟧, .*, ⟦c⟧', values)).toBe('$& ⟦b⟧ \\1, both, B, dot, ⟦c⟧');
  });

  it('leaves text without tokens alone, whatever the tokens', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (tokens, text) => {
        const unknown = tokens.filter((token) => token !== '' && !text.includes(token));
        expect(tokenReplacer(unknown)(text, {})).toBe(text);
      }),
    );
  });
});

describe('SendGrid calls', () => {
  it('hold every delivery once, no address twice and at most 1000 addresses', () => {
    const some = fc.array(
      fc.constantFrom('x', 'y', 'X', 'z').map((name) => address(`${name}@example.org`)),
      { maxLength: 3 },
    );
    const deliveries = fc.array(fc.record({ to: fc.nat(12), cc: some, bcc: some, long: fc.boolean() }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(deliveries, (rows) => {
        const list: readonly Delivery[] = rows.map(({ to, cc, bcc, long }, index) =>
          deliveryTo(index, {
            to: address(`p${to}@example.org`),
            cc,
            bcc,
            ...(long ? { values: { k: 'x'.repeat(10_000) } } : {}),
          }),
        );
        const calls = sendgridCalls(list);
        expect(calls.flatMap(({ places }) => places).sort((a, b) => a - b)).toEqual(list.map((_, index) => index));
        for (const { places, mail } of calls) {
          const emails = mail.personalizations.flatMap(({ to, cc = [], bcc = [] }) =>
            [...to, ...cc, ...bcc].map(({ email }) => email.toLowerCase()),
          );
          expect(new Set(emails).size).toBe(emails.length);
          expect(emails.length).toBeLessThanOrEqual(1_000);
          expect(mail.personalizations.map(({ custom_args: own }) => own['mf_message_id'])).toEqual(
            places.map((place) => list[place]?.messageId),
          );
        }
      }),
    );
  });

  it('leave out own data that does not fit, never our ids', () => {
    const [call] = sendgridCalls([
      deliveryTo(1, { metadata: { big: 'x'.repeat(10_000), mf_message_id: 'no', ok: 'y' } }),
    ]);
    const own = call?.mail.personalizations[0]?.custom_args;
    expect(own).toEqual({ ok: 'y', mf_message_id: deliveryTo(1).messageId, mf_attempt_id: deliveryTo(1).attemptId });
  });
});

describe('Own data', () => {
  const copied = { cc: [{ email: 'boss@acme.example' }], bcc: [{ email: 'log@acme.example' }] };
  const delivery = (more: Parameters<typeof deliveryTo>[1] = {}) =>
    deliveryTo(1, { metadata: { mf_to: 'x@y.example', MF_COPY_OF: 'x', ok: 'y' }, ...more });
  const ids = { mf_message_id: deliveryTo(1).messageId, mf_attempt_id: deliveryTo(1).attemptId, ok: 'y' };

  it('never passes for ours, and says beside copies whose message it is', () => {
    const sendgrid = (more?: object) => sendgridCalls([delivery(more)])[0]?.mail.personalizations[0]?.custom_args;
    const postmark = (more?: object) => postmarkBatch([delivery(more)])[0]?.Metadata;
    const sparkpost = sparkpostCalls([delivery()])[0]?.mail.recipients[0]?.metadata;
    const socketlabs = socketlabsCalls([delivery()])[0]?.message.metadata;
    for (const own of [sendgrid(), postmark(), sparkpost]) expect(own).toEqual(ids);
    expect(Object.fromEntries((socketlabs ?? []).map(({ key, value }) => [key, value]))).toEqual(ids);
    expect(sesTags(delivery()).map(({ Name }) => Name)).not.toContain('mf_to');
    for (const own of [sendgrid(copied), postmark(copied)])
      expect(own).toEqual({ ...ids, mf_to: 'person1@example.org' });
  });

  it('has no room at Postmark for an address of more than 80 characters', () => {
    const to = { email: `${'a'.repeat(60)}@${'b'.repeat(30)}.example` };
    expect(postmarkBatch([delivery({ ...copied, to })])[0]?.Metadata).toEqual(ids);
  });
});

describe('A Postmark batch', () => {
  it('carries our ids and as much of the metadata as Postmark takes', () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'v']));
    const metadata = { ['n'.repeat(21)]: 'v', long: 'v'.repeat(81), MF_MESSAGE_ID: 'no', ...many, K0: 'again' };
    const own = postmarkBatch([deliveryTo(1, { metadata })])[0]?.Metadata ?? {};
    expect(Object.keys(own)).toHaveLength(10);
    expect(own).toMatchObject({
      mf_message_id: deliveryTo(1).messageId,
      mf_attempt_id: deliveryTo(1).attemptId,
      k0: 'v',
      k7: 'v',
    });
  });

  it('names its stream where one is set', () => {
    expect(postmarkBatch([deliveryTo(1)], 'broadcast')[0]?.MessageStream).toBe('broadcast');
    expect(postmarkBatch([deliveryTo(1)])[0]).not.toHaveProperty('MessageStream');
  });
});
