import { bytesOf, isAddress, isFields, list, texts, type Fields } from './wire-values.ts';

export interface Fault {
  readonly message: string;
  readonly field: string | null;
}

const maxRecipients = 1_000;
const maxBytes = 10_000;
const maxAheadSeconds = 72 * 3_600;

// "Headers" and top level of oai.json, `POST /mail/send`.
const forbiddenHeaders = new Set(
  'x-sg-id x-sg-eid received dkim-signature content-type content-transfer-encoding to from subject reply-to cc bcc'.split(
    ' ',
  ),
);
const knownFields = new Set(
  (
    'personalizations from reply_to reply_to_list subject content attachments template_id headers categories ' +
    'custom_args send_at batch_id asm ip_pool_name mail_settings tracking_settings'
  ).split(' '),
);

const fault = (field: string | null, message: string): Fault => ({ field, message });

const textRecordFaults = (value: unknown, field: string, bytes: number): Fault[] => {
  if (value === undefined) return [];
  if (!isFields(value)) return [fault(field, 'Invalid type. Expected: object.')];
  const bad = Object.entries(value).find(([, entry]) => typeof entry !== 'string');
  if (bad !== undefined) return [fault(`${field}.${bad[0]}`, 'Invalid type. Expected: string.')];
  return bytesOf(texts(value)) > bytes ? [fault(field, `The ${field} parameter exceeds ${bytes} bytes.`)] : [];
};

const headerFaults = (value: unknown, field: string): Fault[] => {
  const faults = textRecordFaults(value, field, Infinity);
  if (faults.length > 0 || !isFields(value)) return faults;
  const reserved = Object.keys(value).find((name) => forbiddenHeaders.has(name.toLowerCase()));
  return reserved === undefined ? [] : [fault(field, `The header ${reserved} is reserved and cannot be used.`)];
};

const addressFaults = (value: unknown, field: string): Fault[] => {
  if (!isFields(value)) return [fault(field, 'Invalid type. Expected: object.')];
  return isAddress(value['email']) ? [] : [fault(`${field}.email`, 'Does not contain a valid address.')];
};

const personalizationFaults = (value: unknown, field: string, seen: Set<string>): Fault[] => {
  if (!isFields(value)) return [fault(field, 'Invalid type. Expected: object.')];
  const faults: Fault[] = [];
  if (list(value['to']).length === 0)
    faults.push(fault(`${field}.to`, 'The to array is required and must have at least one email object.'));
  for (const part of ['to', 'cc', 'bcc']) {
    list(value[part]).forEach((address, index) => {
      const place = `${field}.${part}.${index}`;
      faults.push(...addressFaults(address, place));
      const email = isFields(address) && typeof address['email'] === 'string' ? address['email'].toLowerCase() : '';
      if (seen.has(email)) {
        faults.push(
          fault(field, 'Each email address in the personalization block should be unique between to, cc, and bcc.'),
        );
      }
      seen.add(email);
    });
  }
  faults.push(
    ...textRecordFaults(value['substitutions'], `${field}.substitutions`, maxBytes),
    ...textRecordFaults(value['custom_args'], `${field}.custom_args`, maxBytes),
    ...headerFaults(value['headers'], `${field}.headers`),
  );
  return faults;
};

const contentFaults = (value: unknown): Fault[] => {
  const parts = list(value);
  if (parts.length === 0) {
    return [fault('content', 'Unless a valid template_id is provided, the content parameter is required.')];
  }
  const faults = parts.flatMap((part, index) => {
    const { type, value: words } = isFields(part) ? part : {};
    if (typeof type !== 'string' || type === '')
      return [fault(`content.${index}.type`, 'The content type is required.')];
    if (typeof words !== 'string' || words === '') {
      return [fault(`content.${index}.value`, 'The content value must be a string at least one character in length.')];
    }
    return [];
  });
  const types = parts.map((part) => (isFields(part) ? part['type'] : undefined));
  if (types.indexOf('text/plain') > 0) {
    faults.push(
      fault('content', 'If present, text/plain must be first, followed by text/html, followed by any other content.'),
    );
  }
  return faults;
};

const attachmentFaults = (value: unknown): Fault[] =>
  list(value).flatMap((attachment, index) => {
    const { content, filename } = isFields(attachment) ? attachment : {};
    const place = `attachments.${index}`;
    if (typeof filename !== 'string' || filename === '')
      return [fault(`${place}.filename`, 'The filename of the attachment is required.')];
    const isBase64 = typeof content === 'string' && content.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(content);
    return isBase64 ? [] : [fault(`${place}.content`, 'The attachment content must be base64 encoded.')];
  });

/** What SendGrid would refuse about the body of `mail/send`; empty when it would take it. */
export const sendgridFaults = (body: Fields, now: Date): readonly Fault[] => {
  const unknown = Object.keys(body).filter((name) => !knownFields.has(name));
  const personalizations = list(body['personalizations']);
  const faults = unknown.map((name) => fault(name, `Additional property ${name} is not allowed`));
  if (personalizations.length === 0) {
    faults.push(
      fault('personalizations', 'The personalizations field is required and must have at least one personalization.'),
    );
  }
  if (personalizations.length > maxRecipients) {
    return [fault('personalizations', `There is a limit of ${maxRecipients} personalizations per request.`)];
  }
  const seen = new Set<string>();
  personalizations.forEach((value, index) => {
    faults.push(...personalizationFaults(value, `personalizations.${index}`, seen));
  });
  if (seen.size > maxRecipients) {
    faults.push(fault('personalizations', `There is a limit of ${maxRecipients} recipients per request.`));
  }
  faults.push(...addressFaults(body['from'], 'from'));
  if (body['reply_to'] !== undefined) faults.push(...addressFaults(body['reply_to'], 'reply_to'));
  const subjectless = personalizations.some((value) => !isFields(value) || typeof value['subject'] !== 'string');
  if (subjectless && (typeof body['subject'] !== 'string' || body['subject'] === '')) {
    faults.push(fault('subject', 'The subject is required. You can get around this requirement with a template.'));
  }
  if (body['template_id'] === undefined) faults.push(...contentFaults(body['content']));
  faults.push(
    ...attachmentFaults(body['attachments']),
    ...headerFaults(body['headers'], 'headers'),
    ...textRecordFaults(body['custom_args'], 'custom_args', maxBytes),
  );
  const categories = list(body['categories']);
  if (categories.length > 10) faults.push(fault('categories', 'You can not have more than 10 categories.'));
  if (categories.some((category) => typeof category !== 'string' || category.length > 255)) {
    faults.push(fault('categories', 'A category is a string of at most 255 characters.'));
  }
  const sendAt = body['send_at'];
  if (sendAt !== undefined && (typeof sendAt !== 'number' || sendAt > now.getTime() / 1000 + maxAheadSeconds)) {
    faults.push(fault('send_at', 'The send_at parameter must be within 72 hours.'));
  }
  return faults;
};
