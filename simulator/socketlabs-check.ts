import { bytesOf, isAddress, isFields, list, text, type Fields } from './wire-values.ts';

const maxRecipients = 50;
const maxOwnBytes = 12_500;

interface AddressResult {
  readonly EmailAddress: string;
  readonly Accepted: false;
  readonly ErrorCode: string;
}

/** What SocketLabs says of one message: its ErrorCode, and the addresses that it leaves out. */
export interface MessageVerdict {
  readonly ErrorCode: string;
  readonly AddressResults: readonly AddressResult[] | null;
  readonly isTaken: boolean;
}

/** The merge rows of a message, each as field → value; undefined when it is no merge. */
export const mergeRows = (message: Fields): readonly ReadonlyMap<string, string>[] | undefined => {
  const { mergeData } = message;
  if (!isFields(mergeData)) return undefined;
  return list(mergeData['PerMessage']).map(
    (row) =>
      new Map(
        list(row)
          .filter(isFields)
          .map(({ field, value }) => [text(field), text(value)]),
      ),
  );
};

/** The addresses that a message goes to. */
export const messageAddresses = (message: Fields): readonly string[] => {
  const rows = mergeRows(message);
  if (rows !== undefined) return rows.map((row) => row.get('DeliveryAddress') ?? '');
  return ['to', 'cc', 'bcc'].flatMap((part) =>
    list(message[part])
      .filter(isFields)
      .map((address) => text(address['emailAddress'])),
  );
};

const pairBytes = (pairs: unknown): number =>
  list(pairs)
    .filter(isFields)
    .reduce<number>((sum, { key, value }) => sum + bytesOf({ [text(key)]: text(value) }), 0);

const messageFault = (message: Fields): string | undefined => {
  const { from, subject, textBody, htmlBody, to, tags, metadata, attachments } = message;
  const rows = mergeRows(message);
  if (!isAddress(isFields(from) ? from['emailAddress'] : undefined)) return 'InvalidFromAddress';
  if (text(subject) === '') return 'EmptySubject';
  if (text(textBody) === '' && text(htmlBody) === '') return 'NoValidBodyParts';
  if (list(to).length === 0) return 'EmptyToAddress';
  if (rows !== undefined) {
    const [address] = list(to);
    const isMerged = isFields(address) && address['emailAddress'] === '%%DeliveryAddress%%' && list(to).length === 1;
    const isCopied = list(message['cc']).length + list(message['bcc']).length > 0;
    if (!isMerged || isCopied || rows.some((row) => !row.has('DeliveryAddress'))) return 'InvalidMergeData';
  }
  const tagBytes = list(tags).reduce<number>((sum, tag) => sum + Buffer.byteLength(text(tag)), 0);
  if (pairBytes(metadata) + tagBytes > maxOwnBytes) return 'InvalidData';
  const bad = list(attachments).find((attachment) => {
    const { name, content, contentType } = isFields(attachment) ? attachment : {};
    return (
      text(name) === '' ||
      text(contentType) === '' ||
      !/^[A-Za-z0-9+/]+={0,2}$/.test(typeof content === 'string' ? content : '')
    );
  });
  return bad === undefined ? undefined : 'InvalidAttachment';
};

/** Looks at one message of a call as SocketLabs does. */
export const messageVerdict = (message: unknown): MessageVerdict => {
  const whole = (ErrorCode: string): MessageVerdict => ({ ErrorCode, AddressResults: null, isTaken: false });
  if (!isFields(message)) return whole('EmptyMessage');
  const fault = messageFault(message);
  if (fault !== undefined) return whole(fault);
  const addresses = messageAddresses(message);
  if (addresses.length > maxRecipients) return whole('TooManyRecipients');
  const AddressResults = addresses
    .filter((address) => !isAddress(address))
    .map((EmailAddress) => ({ EmailAddress, Accepted: false as const, ErrorCode: 'InvalidAddress' }));
  if (AddressResults.length === addresses.length) {
    return { ErrorCode: 'NoValidRecipients', AddressResults, isTaken: false };
  }
  return AddressResults.length === 0
    ? { ErrorCode: 'Success', AddressResults: null, isTaken: true }
    : { ErrorCode: 'Warning', AddressResults, isTaken: true };
};
