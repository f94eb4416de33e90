import { InvalidMessageError } from '../errors.ts';
import { cleanText } from './clean-text.ts';
import type { EspEvent, NoEvent, Translation } from './esp.ts';
import { isRecord, parseJson } from './outcome-of.ts';

// Bounds of shared/contracts/delivery.ts: an event that broke them would be lost behind its schema.
const maxId = 200;
const maxReason = 2_000;
const maxRecipient = 998;

export type Item = Readonly<Record<string, unknown>>;

/** What an item of a webhook is to us, before it is told to which message it belongs. */
export type Kind =
  | { readonly kind: 'event'; readonly type: EspEvent['type']; readonly bounceClass?: 'hard' | 'soft' }
  | { readonly kind: 'ignored' };

export const event = (type: EspEvent['type'], bounceClass?: 'hard' | 'soft'): Kind =>
  bounceClass === undefined ? { kind: 'event', type } : { kind: 'event', type, bounceClass };
export const ignored: Kind = { kind: 'ignored' };

/** The raw body as text; a byte order mark before it is none of it. */
export const webhookText = (rawBody: Uint8Array): string =>
  Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength)
    .toString('utf8')
    .replace(/^\uFEFF/, '');

/** The raw body as JSON. Throws `InvalidMessageError` when it is none. */
export const parseWebhook = (rawBody: Uint8Array): unknown => {
  const parsed = parseJson(webhookText(rawBody));
  if (parsed === undefined) throw new InvalidMessageError('webhook-not-json', 'the webhook body is not JSON');
  return parsed;
};

const textOf = (value: unknown, max: number): string | undefined => {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = cleanText(String(value), max);
  return text === '' ? undefined : text;
};

/** Text and numbers of foreign JSON as ids, reasons and addresses that can be stored; anything else is undefined. */
export const idText = (value: unknown): string | undefined => textOf(value, maxId);
export const reasonText = (value: unknown): string | undefined => textOf(value, maxReason);
export const recipientText = (value: unknown): string | undefined => textOf(value, maxRecipient);

// `Date.parse` takes nearly anything for a date ("-1" is one), so only the forms that providers write get there.
const isoTime = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)?$/i;
const httpTime = /^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} [\d:]{5,8} /;

const msOf = (text: string): number => {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const zone = isoTime.exec(text)?.[1];
  // A time without a zone is UTC: the machine that reads it must not decide.
  if (isoTime.test(text)) return Date.parse(zone === undefined ? `${text}Z` : text);
  return httpTime.test(text) ? Date.parse(text) : NaN;
};

/**
 * A provider's time → ISO 8601, UTC: unix seconds as number or text, ISO 8601 with any number of digits, or the form of
 * HTTP. Undefined outside the years 2000 to 2100: no clock of a provider is there.
 */
export const timeOf = (value: unknown): string | undefined => {
  const ms = msOf(idText(value) ?? '');
  if (!Number.isFinite(ms)) return undefined;
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  return year >= 2000 && year <= 2100 ? date.toISOString() : undefined;
};

export const noEvent = (kind: NoEvent['kind'], index: number, detail: string): NoEvent => ({
  kind,
  index,
  detail: cleanText(detail, 300),
});

/** Reads items one by one: what is wrong with one of them takes nothing from the others. */
export const translateItems = (
  items: readonly unknown[],
  read: (item: Item, index: number) => EspEvent | NoEvent,
): Translation => {
  const events: EspEvent[] = [];
  const rest: NoEvent[] = [];
  items.forEach((item, index) => {
    const result = isRecord(item) ? read(item, index) : noEvent('unreadable', index, 'not an object');
    if ('type' in result) events.push(result);
    else rest.push(result);
  });
  return { events, rest };
};

/** A value of a table by a foreign key; never a property of the object's own making. */
export const lookUp = <T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined =>
  typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;
