import { renderTemplate, TemplateFault } from './sparkpost-template.ts';
import { bytesOf, isAddress, isFields, list, text, texts, type Fields } from './wire-values.ts';

export interface SparkpostFault {
  readonly message: string;
  readonly description?: string;
  readonly code?: string;
}

const maxMetadataBytes = 10 * 1024;
const maxValueBytes = 100 * 1024;
const maxTags = 10;
const maxCampaignBytes = 64;
const reservedHeaders = new Set(['subject', 'from', 'to', 'reply-to']);

const missing = (description: string): SparkpostFault => ({
  message: 'required field is missing',
  description,
  code: '1400',
});
const invalid = (description: string): SparkpostFault => ({
  message: 'invalid data format/type',
  description,
  code: '1300',
});

/** The address of a recipient, which may be bare text or an object. */
export const recipientAddress = (recipient: Fields): Fields => {
  const { address } = recipient;
  return isFields(address) ? address : { email: address };
};

/** Why SparkPost would leave out this one recipient, or undefined when it would take it. */
export const recipientFault = (recipient: unknown): SparkpostFault | undefined => {
  if (!isFields(recipient)) return invalid('recipients must be objects');
  const { email } = recipientAddress(recipient);
  if (email === undefined) return missing('address.email is required for each recipient');
  if (!isAddress(email)) return invalid(`'${text(email)}' is not a valid email address`);
  const { metadata, substitution_data: values, tags } = recipient;
  if (metadata !== undefined && !isFields(metadata)) return invalid('metadata must be an object');
  if (bytesOf(texts(metadata)) > maxMetadataBytes) return invalid('metadata exceeds 10 KB');
  if (values !== undefined && !isFields(values)) return invalid('substitution_data must be an object');
  if (bytesOf(texts(values)) > maxValueBytes) return invalid('substitution_data exceeds 100 KB');
  if (list(tags).length > maxTags) return invalid(`a recipient may have ${maxTags} tags`);
  return undefined;
};

const fileFaults = (value: unknown, field: string): SparkpostFault[] =>
  list(value).flatMap((file) => {
    const { name, type, data } = isFields(file) ? file : {};
    if (text(name) === '' || text(type) === '' || typeof data !== 'string') {
      return [missing(`content.${field} needs name, type and data`)];
    }
    return data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data)
      ? []
      : [invalid(`content.${field}.data must be base64 without line breaks`)];
  });

const languageFaults = (part: string, template: unknown): SparkpostFault[] => {
  try {
    renderTemplate(text(template), {}, 'header');
    return [];
  } catch (error) {
    if (!(error instanceof TemplateFault)) throw error;
    const description = `Error while compiling part ${part}: ${error.message}`;
    return [{ message: 'substitution language syntax error in template content', description, code: '3000' }];
  }
};

const contentFaults = (content: Fields): SparkpostFault[] => {
  const { from, subject, html, text: plain, headers, reply_to: replyTo } = content;
  const sender = isFields(from) ? from : { email: from };
  const faults: SparkpostFault[] = [];
  if (!isAddress(sender['email'])) faults.push(missing('content.from is a required field'));
  if (text(subject) === '') faults.push(missing('content.subject is a required field'));
  if (text(html) === '' && text(plain) === '') {
    faults.push(missing('At least one of text, html or amp_html needs to exist in content'));
  }
  if (replyTo !== undefined && typeof replyTo !== 'string') faults.push(invalid('content.reply_to must be a string'));
  if (headers !== undefined && !isFields(headers)) faults.push(invalid('content.headers must be an object'));
  for (const [name, value] of Object.entries(isFields(headers) ? headers : {})) {
    if (reservedHeaders.has(name.toLowerCase())) faults.push(invalid(`header '${name}' is not allowed`));
    faults.push(...languageFaults(`Header:${name}`, value));
  }
  return [
    ...faults,
    ...languageFaults('Header:Subject', subject),
    ...languageFaults('Header:From', sender['name']),
    ...languageFaults('text', plain),
    ...languageFaults('html', html),
    ...fileFaults(content['attachments'], 'attachments'),
    ...fileFaults(content['inline_images'], 'inline_images'),
  ];
};

/** What SparkPost would refuse about a transmission as a whole; empty when it would look at its recipients. */
export const transmissionFaults = (body: Fields): readonly SparkpostFault[] => {
  const { content, recipients, campaign_id: campaign } = body;
  if (!isFields(content)) return [missing('content object or template_id is required')];
  const faults = contentFaults(content);
  if (!Array.isArray(recipients) || recipients.length === 0) faults.push(missing('recipients or list_id is required'));
  if (campaign !== undefined && (typeof campaign !== 'string' || Buffer.byteLength(campaign) > maxCampaignBytes)) {
    faults.push(invalid(`campaign_id is a string of at most ${maxCampaignBytes} bytes`));
  }
  return faults;
};
