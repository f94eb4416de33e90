import { createPrivateKey, randomBytes } from 'node:crypto';
import { calmSettings } from './control.ts';
import {
  addressesOf,
  bulkFault,
  entryFault,
  simpleOf,
  singleFault,
  templateDataOf,
  templateOf,
  type SesFault,
} from './ses-check.ts';
import { decodeWords } from './encoded-words.ts';
import { sesWebhook } from './ses-events.ts';
import { renderTemplate, sesMailboxOf, type TemplateValues } from './ses-text.ts';
import {
  jsonAnswer,
  refused,
  type AcceptedMessage,
  type SimulatedEsp,
  type TakenMessage,
  type WireAnswer,
} from './simulated-esp.ts';
import { isFields, list, mailboxText, parseBody, sha256, text, textOrNull, type Fields } from './wire-values.ts';

// docs.aws.amazon.com/ses/latest/APIReference-V2: SendEmail and SendBulkEmail as a caller meets them.

export interface SesOptions {
  /** The access key id that callers must sign with; undefined takes any. */
  readonly accessKeyId?: string | undefined;
  readonly topicArn?: string | undefined;
  /** PEM of the RSA key that signs the SNS messages; undefined leaves them unsigned. */
  readonly privateKey?: string | undefined;
}

const maxBodyBytes = 40 * 1024 * 1024;
const defaultTopicArn = 'arn:aws:sns:us-east-1:000000000000:simulated-ses-events';

const error = (status: number, name: string, message: string): WireAnswer =>
  jsonAnswer(status, { message }, { 'x-amzn-errortype': name });
const faultAnswer = ({ name, message }: SesFault): WireAnswer => error(400, name, message);

const newMessageId = (): string => `0100${randomBytes(14).toString('hex')}-000000`;

const signature =
  /^AWS4-HMAC-SHA256 Credential=([^/\s]+)\/\d{8}\/([a-z0-9-]+)\/ses\/aws4_request, ?SignedHeaders=[^,\s]+, ?Signature=[0-9a-f]{64}$/;

/** Tags as the caller meant them: an underscore and two hex digits stand for a byte that a tag may not have. */
const tagText = (value: string): string =>
  Buffer.from(
    value.replace(/_([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');

const tagsOf = (...sources: readonly unknown[]): Record<string, string> =>
  Object.fromEntries(
    sources.flatMap((tags) =>
      list(tags)
        .filter(isFields)
        .map(({ Name, Value }): [string, string] => [text(Name), text(Value)]),
    ),
  );
const idOf = (tags: Readonly<Record<string, string>>, name: string): string | null =>
  tags[name] === undefined ? null : tagText(tags[name]);

const emailOf = (value: string): string => sesMailboxOf(value)?.email ?? '';
const mailboxTexts = (values: readonly string[]): string[] =>
  values.flatMap((value) => sesMailboxOf(value) ?? []).map(mailboxText);

const headersOf = (...sources: readonly unknown[]): Record<string, string> =>
  Object.fromEntries(
    sources.flatMap((headers) =>
      list(headers)
        .filter(isFields)
        .map(({ Name, Value }): [string, string] => [text(Name), decodeWords(text(Value))]),
    ),
  );

const attachmentsOf = (value: unknown) =>
  list(value)
    .filter(isFields)
    .map((attachment) => ({
      filename: text(attachment['FileName']),
      contentType: text(attachment['ContentType']),
      contentId: textOrNull(attachment['ContentId']),
      sha256: sha256(Buffer.from(text(attachment['RawContent']), 'base64')),
    }));

const taken = (
  call: Fields,
  entry: Fields,
  tags: Record<string, string>,
  subject: string,
  id: string,
): TakenMessage => ({
  email: emailOf(addressesOf(entry, 'To')[0] ?? ''),
  providerMessageId: id,
  messageId: idOf(tags, 'mf_message_id'),
  attemptId: idOf(tags, 'mf_attempt_id'),
  own: tags,
  tags: [],
  subject,
  from: sesMailboxOf(call['FromEmailAddress'])?.email ?? '',
  copies: [...addressesOf(entry, 'Cc'), ...addressesOf(entry, 'Bcc')].map(emailOf),
});

/** What does not depend on how the texts came about. */
const envelopeOf = (call: Fields, entry: Fields, tags: Record<string, string>, id: string) => {
  const to = sesMailboxOf(addressesOf(entry, 'To')[0]);
  return {
    messageId: idOf(tags, 'mf_message_id'),
    attemptId: idOf(tags, 'mf_attempt_id'),
    email: to?.email ?? '',
    name: to?.name ?? null,
    from: mailboxTexts([text(call['FromEmailAddress'])])[0] ?? '',
    replyTo: mailboxTexts(list(call['ReplyToAddresses']).map(text))[0] ?? null,
    cc: mailboxTexts(addressesOf(entry, 'Cc')),
    bcc: mailboxTexts(addressesOf(entry, 'Bcc')),
    providerMessageId: id,
  };
};

const entriesOf = (call: Fields): readonly Fields[] => list(call['BulkEmailEntries']).filter(isFields);

const renderEntry = (call: Fields, entry: Fields, id: string): AcceptedMessage => {
  const template = templateOf(call);
  const content = isFields(template['TemplateContent']) ? template['TemplateContent'] : {};
  const data = templateDataOf(entry);
  const values: TemplateValues = isFields(data) ? data : {};
  const ready = (value: unknown): string | null => (typeof value === 'string' ? renderTemplate(value, values) : null);
  const tags = tagsOf(call['DefaultEmailTags'], entry['ReplacementTags']);
  return {
    ...envelopeOf(call, entry, tags, id),
    subject: ready(content['Subject']) ?? '',
    text: ready(content['Text']),
    html: ready(content['Html']),
    headers: headersOf(template['Headers'], entry['ReplacementHeaders']),
    attachments: attachmentsOf(template['Attachments']),
  };
};

const dataOf = (value: unknown): string | null => (isFields(value) ? textOrNull(value['Data']) : null);

const renderSingle = (call: Fields, id: string): AcceptedMessage => {
  const simple = simpleOf(call);
  const body = isFields(simple['Body']) ? simple['Body'] : {};
  return {
    ...envelopeOf(call, call, tagsOf(call['EmailTags']), id),
    subject: dataOf(simple['Subject']) ?? '',
    text: dataOf(body['Text']),
    html: dataOf(body['Html']),
    headers: headersOf(simple['Headers']),
    attachments: attachmentsOf(simple['Attachments']),
  };
};

const receiveBulk = (call: Fields) => {
  const results = entriesOf(call).map((entry) => {
    const fault = entryFault(call, entry);
    if (fault !== undefined) return { entry, id: '', result: { Status: 'INVALID_PARAMETER', Error: fault.message } };
    const id = newMessageId();
    return { entry, id, result: { Status: 'SUCCESS', MessageId: id } };
  });
  return {
    answer: jsonAnswer(200, { BulkEmailEntryResults: results.map(({ result }) => result) }),
    providerIds: results.map(({ id }) => id),
    taken: results
      .filter(({ id }) => id !== '')
      .map(({ entry, id }) => {
        const tags = tagsOf(call['DefaultEmailTags'], entry['ReplacementTags']);
        return taken(call, entry, tags, renderEntry(call, entry, id).subject, id);
      }),
  };
};

/** SES v2 and its events over SNS. Throws when the private key is none. */
export const simulatedSes = ({ accessKeyId, topicArn, privateKey }: SesOptions): SimulatedEsp => ({
  kind: 'ses',
  paths: ['/v2/email/outbound-emails', '/v2/email/outbound-bulk-emails'],
  defaults: {
    ...calmSettings,
    latencyMs: 40,
    delivered: 0.96,
    bounced: 0.025,
    opened: 0.3,
    clicked: 0.04,
    complained: 0.002,
  },
  outage: () => error(503, 'ServiceUnavailable', 'Service is currently unavailable.'),
  throttled: () => error(429, 'TooManyRequestsException', 'Maximum sending rate exceeded.'),
  broken: () => error(500, 'InternalServiceErrorException', 'An internal error occurred.'),
  receive: ({ path, headers, body }) => {
    const { authorization } = headers;
    if (authorization === undefined) {
      return refused(error(403, 'MissingAuthenticationTokenException', 'Missing Authentication Token'));
    }
    const key = signature.exec(authorization)?.[1];
    if (key === undefined)
      return refused(error(400, 'IncompleteSignature', 'The signature does not conform to AWS standards.'));
    if (accessKeyId !== undefined && key !== accessKeyId) {
      return refused(
        error(403, 'UnrecognizedClientException', 'The security token included in the request is invalid.'),
      );
    }
    if (body.length > maxBodyBytes)
      return refused(error(413, 'RequestEntityTooLargeException', 'The request is too large.'));
    const call = parseBody(body);
    if (!isFields(call)) return refused(error(400, 'SerializationException', 'The request is not a JSON object.'));
    const isBulk = path.endsWith('/outbound-bulk-emails');
    const fault = isBulk ? bulkFault(call) : singleFault(call);
    if (fault !== undefined) return refused(faultAnswer(fault));
    if (isBulk) return receiveBulk(call);
    const id = newMessageId();
    const subject = renderSingle(call, id).subject;
    return {
      answer: jsonAnswer(200, { MessageId: id }),
      providerIds: [id],
      taken: [taken(call, call, tagsOf(call['EmailTags']), subject, id)],
    };
  },
  render: (body, providerIds) => {
    const call = parseBody(body);
    if (!isFields(call)) return [];
    if (call['BulkEmailEntries'] === undefined) return [renderSingle(call, providerIds[0] ?? '')];
    return entriesOf(call).flatMap((entry, index) => {
      const id = providerIds[index] ?? '';
      return id === '' ? [] : [renderEntry(call, entry, id)];
    });
  },
  webhook: sesWebhook(topicArn ?? defaultTopicArn, privateKey === undefined ? undefined : createPrivateKey(privateKey)),
});
