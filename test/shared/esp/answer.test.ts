import { describe, expect, it } from '@jest/globals';
import type { PostResult } from '../../../shared/esp/http-post.ts';
import { postmarkAnswers } from '../../../shared/esp/postmark/answer.ts';
import { sendgridAnswers } from '../../../shared/esp/sendgrid/answer.ts';
import { deliveryTo } from './contract.ts';

const now = new Date('2026-11-01T12:00:00Z');
const answered = (status: number, body: unknown, headers: Record<string, string> = {}): PostResult => ({
  kind: 'answered',
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const sendgridError = (message: string, field: string | null = null) => ({ errors: [{ message, field, help: null }] });

describe("SendGrid's answers", () => {
  it.each([
    [400, sendgridError('Bad', 'subject'), { outcome: 'refused', reason: 'content', detail: 'subject: Bad' }],
    [413, '<html>', { outcome: 'refused', reason: 'content' }],
    [401, sendgridError('no'), { outcome: 'refused', reason: 'credentials' }],
    [403, sendgridError('no'), { outcome: 'refused', reason: 'credentials' }],
    [401, sendgridError('Maximum credits exceeded'), { outcome: 'unavailable', reason: 'quota' }],
    [403, sendgridError('You have exceeded your messaging limits'), { outcome: 'unavailable', reason: 'quota' }],
    [403, sendgridError('No verified Sender Identity', 'from'), { outcome: 'refused', reason: 'content' }],
    [403, sendgridError('no', 'from_the_moon'), { outcome: 'refused', reason: 'credentials' }],
    [403, { errors: [] }, { outcome: 'refused', reason: 'credentials' }],
    [401, '<html>', { outcome: 'refused', reason: 'credentials' }],
    [404, sendgridError('not found'), { outcome: 'refused', reason: 'content' }],
    [429, sendgridError('too many requests'), { outcome: 'unavailable', reason: 'throttled' }],
    [503, sendgridError('away'), { outcome: 'unavailable', reason: 'outage' }],
    [503, '<html>', { outcome: 'unknown' }],
    [500, sendgridError('oops'), { outcome: 'unknown' }],
    [502, '', { outcome: 'unknown' }],
    [504, '', { outcome: 'unknown' }],
    [202, '', { outcome: 'accepted' }],
  ])('%i %j', (status, body, expected) => {
    const answers = sendgridAnswers(answered(status, body), 2, now);
    expect(answers).toEqual([expect.objectContaining(expected), expect.objectContaining(expected)]);
  });

  it.each([
    [{ 'x-ratelimit-reset': String(now.getTime() / 1000 + 30) }, 30_000],
    [{ 'x-ratelimit-reset': '1' }, 0],
    [{ 'x-ratelimit-reset': '99999999999' }, 3_600_000],
    [{ 'x-ratelimit-reset': 'soon' }, undefined],
    [{ 'retry-after': '7', 'x-ratelimit-reset': '99999999999' }, 7_000],
    [{ 'retry-after': 'Sun, 01 Nov 2026 12:00:10 GMT' }, 10_000],
    [{}, undefined],
  ])('tell from %j when to come back', (headers, retryAfterMs) => {
    const [answer] = sendgridAnswers(answered(429, sendgridError('slow'), headers), 1, now);
    expect(answer).toMatchObject(retryAfterMs === undefined ? { reason: 'throttled' } : { retryAfterMs });
  });

  it('tell of a quota when it begins anew', () => {
    const headers = { 'x-ratelimit-reset': String(now.getTime() / 1000 + 600) };
    const answer = sendgridAnswers(answered(401, sendgridError('Maximum credits exceeded'), headers), 1, now)[0];
    expect(answer).toMatchObject({ reason: 'quota', retryAfterMs: 600_000 });
  });

  it('blame the recipient whom they name', () => {
    const body = sendgridError('Does not contain a valid address.', 'personalizations.1.to.0.email');
    expect(sendgridAnswers(answered(400, body), 3, now).map(({ outcome }) => outcome)).toEqual([
      'refused',
      'recipient-refused',
      'refused',
    ]);
  });
});

describe("Postmark's answers", () => {
  const item = (ErrorCode: number | undefined, Message: string, MessageID?: string) => ({
    ErrorCode,
    Message,
    MessageID,
  });
  const answerOf = (value: unknown) => postmarkAnswers(answered(200, [value]), [deliveryTo(1)], now)[0];

  it.each([
    [item(0, 'OK', 'id-1'), { outcome: 'accepted', providerMessageId: 'id-1' }],
    [{ Message: 'OK' }, { outcome: 'accepted' }],
    [item(406, 'inactive'), { outcome: 'recipient-refused', code: '406' }],
    [item(300, "Error parsing 'To': Illegal email address 'x'."), { outcome: 'recipient-refused', code: '300' }],
    [item(300, "Invalid 'From' address: 'x'."), { outcome: 'refused', reason: 'content' }],
    [item(10, 'bad token'), { outcome: 'refused', reason: 'credentials' }],
    [item(405, 'no credits'), { outcome: 'unavailable', reason: 'quota' }],
    [item(412, 'pending approval'), { outcome: 'refused', reason: 'credentials' }],
    [item(413, 'may not send'), { outcome: 'refused', reason: 'credentials' }],
    [item(400, 'sender signature not found'), { outcome: 'refused', reason: 'content' }],
    [item(401, 'sender signature not confirmed'), { outcome: 'refused', reason: 'content' }],
    [item(100, 'maintenance'), { outcome: 'unavailable', reason: 'outage' }],
    [item(411, 'attachment'), { outcome: 'refused', reason: 'content' }],
    [
      item(0, 'Message OK, but will not deliver to these inactive addresses: PERSON1@example.org, b@x.example', 'i'),
      { outcome: 'recipient-refused' },
    ],
    [
      item(0, 'Message OK, but will not deliver to these inactive addresses: b@x.example', 'i'),
      { outcome: 'accepted' },
    ],
    ['x', { outcome: 'unknown' }],
  ])('%j', (value, expected) => {
    expect(answerOf(value)).toMatchObject(expected);
  });

  it('blame the recipient of a refused call that has no other', () => {
    const answers = postmarkAnswers(answered(422, item(406, 'inactive')), [deliveryTo(1)], now);
    expect(answers).toEqual([{ outcome: 'recipient-refused', code: '406', detail: 'inactive' }]);
  });

  it.each([
    [200, 'not json', { outcome: 'unknown' }],
    [200, [], { outcome: 'unknown' }],
    [401, item(10, 'bad'), { outcome: 'refused', reason: 'credentials' }],
    [422, item(413, 'may not send'), { outcome: 'refused', reason: 'credentials' }],
    [413, '', { outcome: 'refused', reason: 'content' }],
    [422, item(406, 'inactive'), { outcome: 'refused', reason: 'content' }],
    [422, item(410, 'batch'), { outcome: 'refused', reason: 'content' }],
    [422, item(405, 'no credits'), { outcome: 'unavailable', reason: 'quota' }],
    [429, item(429, 'slow'), { outcome: 'unavailable', reason: 'throttled' }],
    [500, item(0, 'oops'), { outcome: 'unknown' }],
    [503, item(100, 'maintenance'), { outcome: 'unavailable', reason: 'outage' }],
    [503, 'gateway', { outcome: 'unknown' }],
  ])('of status %i %j', (status, body, expected) => {
    expect(postmarkAnswers(answered(status, body), [deliveryTo(1), deliveryTo(2)], now)).toEqual([
      expect.objectContaining(expected),
      expect.objectContaining(expected),
    ]);
  });
});
