import type { EmailRequest, HeavyContent, RequestPart } from '../contracts/email.ts';
import type { SendLane } from '../contracts/topics.ts';
import { parseAddress } from './email-address.ts';
import { mailboxProviderOf } from './mailbox-provider.ts';
import { messageIdsOf, publicMessageId } from './request-ids.ts';

/** A request cut into records, and what the caller is told. */
export interface Accepted {
  readonly requestId: string;
  readonly messages: readonly { readonly id: string; readonly email: string }[];
  readonly lane: SendLane;
  readonly records: readonly { readonly key: string; readonly value: string }[];
  /** Content too large for a record: to be stored before the records are published. */
  readonly blob: { readonly key: string; readonly body: string } | undefined;
}

export type Acceptance =
  { readonly ok: true; readonly accepted: Accepted } | { readonly ok: false; readonly tooLargeBytes: number };

// As many as the largest call of an ESP carries.
const recipientsPerPart = 1_000;
// Above this, records carry a reference: a topic is no place for attachments that many records would repeat.
const inlineContentBytes = 262_144;
// A record must fit a topic's 2 MiB with its headers and what UTF-8 adds; small parts also spread over the partitions.
const bytesPerRecord = 900_000;

const lanes: Readonly<Record<NonNullable<EmailRequest['class']>, SendLane>> = {
  otp: 'email-send-otp',
  transactional: 'email-send',
  bulk: 'email-send-bulk',
};

/**
 * A checked request and its caller → the records that carry it. The one road for every way in. Pure: the same request
 * with the same id gives the same records and message ids, so a repeat is absorbed wherever it is noticed. Every record
 * says how many recipients of each mailbox provider the request has and where its own begin, which is all a consumer
 * needs to split its part exactly.
 */
export const accept = (
  request: EmailRequest,
  caller: { readonly accountId: string; readonly requestId: string },
): Acceptance => {
  const { recipients, ...shared } = request;
  const { text, html, attachments, data, ...light } = shared;
  const origin = { id: caller.requestId, accountId: caller.accountId };
  const heavy = JSON.stringify({ text, html, attachments, data } satisfies HeavyContent);
  const isHeavy = Buffer.byteLength(heavy) > inlineContentBytes;
  const contentRef = `content/${caller.requestId}.json`;
  const content = isHeavy ? { ...light, ...origin, contentRef } : { ...shared, ...origin };
  const contentBytes = Buffer.byteLength(JSON.stringify(content));
  const idOf = messageIdsOf(caller.requestId);
  const messages: { readonly id: string; readonly email: string }[] = [];
  const providers: string[] = [];
  const totals: Record<string, number> = {};
  recipients.forEach((recipient, index) => {
    const address = parseAddress(recipient.email);
    const provider = mailboxProviderOf(address?.domain ?? '');
    messages.push({ id: publicMessageId(idOf(index)), email: address?.email ?? recipient.email });
    providers.push(provider);
    totals[provider] = (totals[provider] ?? 0) + 1;
  });

  const cuts: { readonly first: number; readonly end: number }[] = [];
  let first = 0;
  let bytes = contentBytes;
  for (let index = 0; index < recipients.length; index += 1) {
    const size = Buffer.byteLength(JSON.stringify(recipients[index])) + 1;
    if (contentBytes + size > bytesPerRecord) return { ok: false, tooLargeBytes: contentBytes + size };
    if (index > first && (index - first >= recipientsPerPart || bytes + size > bytesPerRecord)) {
      cuts.push({ first, end: index });
      first = index;
      bytes = contentBytes;
    }
    bytes += size;
  }
  cuts.push({ first, end: recipients.length });

  const before: Record<string, number> = {};
  const records = cuts.map((cut, number) => {
    const part: RequestPart = {
      number,
      of: cuts.length,
      total: recipients.length,
      first: cut.first,
      providers: Object.fromEntries(
        Object.entries(totals).map(([name, total]) => [name, { total, first: before[name] ?? 0 }]),
      ),
    };
    for (const provider of providers.slice(cut.first, cut.end)) before[provider] = (before[provider] ?? 0) + 1;
    const value = JSON.stringify({ ...content, part, recipients: recipients.slice(cut.first, cut.end) });
    return { key: `${caller.requestId}:${number}`, value };
  });
  const lane = lanes[request.class ?? 'transactional'];
  const blob = isHeavy ? { key: contentRef, body: heavy } : undefined;
  return { ok: true, accepted: { requestId: caller.requestId, messages, lane, records, blob } };
};
