import type { Delivery } from '../esp.ts';
import { isOurName } from '../own-data.ts';

/** One message tag, in the API's own words. */
export interface SesTag {
  readonly Name: string;
  readonly Value: string;
}

/** The tags that carry our ids there and back. */
export const sesIds = { messageId: 'mf_message_id', attemptId: 'mf_attempt_id' } as const;

// MessageTag (SES API v2): nothing but these, at most 256. A violation refuses the call.
const safe = /^[A-Za-z0-9_-]{1,256}$/;
const maxTags = 50;

/** Any text in the characters of a tag: `_` and what is not allowed become `_` and two hex digits a byte. */
export const encodeTag = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9-]/.test(character) ? character : `_${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');

/** The text that `encodeTag` made it of; undefined when it was made by somebody else. */
export const decodeTag = (value: string): string | undefined =>
  /^(?:[A-Za-z0-9-]|_[0-9a-f]{2})*$/.test(value)
    ? Buffer.from(
        value.replace(/_([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16))),
        'latin1',
      ).toString('utf8')
    : undefined;

/**
 * Our ids, and of the caller's metadata and first tag what fits a message tag. SES has no other place for own data.
 * Names of metadata that SES keeps for itself (`ses:`) are never safe, as they have a colon.
 */
export const sesTags = ({ messageId, attemptId, metadata, content }: Delivery): SesTag[] => {
  const [tag] = content.tags;
  const theirs = [...(tag === undefined ? [] : [['tag', tag] as const]), ...Object.entries(metadata)];
  const all = new Map(
    theirs.filter(([name, value]) => !isOurName(name) && safe.test(name) && safe.test(value)).slice(0, maxTags - 2),
  );
  all.set(sesIds.messageId, encodeTag(messageId)).set(sesIds.attemptId, encodeTag(attemptId));
  return [...all].map(([Name, Value]) => ({ Name, Value }));
};
