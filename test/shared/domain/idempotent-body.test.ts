import { expect, it } from '@jest/globals';
import { emailRecord, emailRequest } from '../../../shared/contracts/email.ts';
import { idempotentBody } from '../../../shared/domain/idempotent-body.ts';

const body = {
  subject: 'Hi',
  text: 'x',
  recipients: [{ email: 'ann@example.org', name: 'Ann' }],
  from: 'a@acme.example',
};

it('is the same for a request that came over HTTP and over Kafka', () => {
  const overHttp = idempotentBody(emailRequest.parse(body));
  expect(idempotentBody(emailRecord.parse({ ...body, id: 'r', accountId: 'acme', ownField: 1 }))).toBe(overHttp);
});

it('does not depend on the order in which the fields were written', () => {
  const turned = Object.fromEntries(Object.entries(body).reverse());
  expect(idempotentBody(emailRecord.parse(turned))).toBe(idempotentBody(emailRecord.parse(body)));
});

it.each([{ subject: 'Ho' }, { text: 'y' }, { recipients: [{ email: 'ben@example.org' }] }, { class: 'bulk' }])(
  'differs where the request does: %j',
  (change) => {
    expect(idempotentBody(emailRecord.parse({ ...body, ...change }))).not.toBe(idempotentBody(emailRecord.parse(body)));
  },
);
