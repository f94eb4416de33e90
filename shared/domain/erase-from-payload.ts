import { jsonCostFault, type JsonLimits } from './json-cost.ts';

/** What stands where an erased recipient stood; a domain that can never be anyone's (RFC 2606). */
export const erasedAddress = 'erased@erased.invalid';

const utf8 = new TextDecoder('utf-8', { fatal: true });
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** The forms in which an address stands in payloads: as it is, as a URL or a form has it, and as JSON may write its sign. */
const formsOf = (email: string): RegExp => {
  const at = email.lastIndexOf('@');
  const [local, domain] = [email.slice(0, at), email.slice(at + 1)];
  const locals = [...new Set([local, encodeURIComponent(local), JSON.stringify(local).slice(1, -1)])].map(escaped);
  // Nothing of an address may stand before it: joann@example.org is not ann@example.org.
  return new RegExp(
    `(?<![\\p{L}\\p{N}.!#$*+^_~-])(?:${locals.join('|')})(?:@|%40|\\\\u0040)${escaped(domain)}(?![\\p{L}\\p{N}-]|\\.[\\p{L}\\p{N}])`,
    'giu',
  );
};

const holds = (json: unknown, form: RegExp): boolean => JSON.stringify(json).search(form) >= 0;

// JSON.stringify is recursive: at a depth of some thousands it would throw.
const writable: JsonLimits = { depth: 500, members: Infinity, values: Infinity, steps: Infinity };

const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const isRecord = (json: unknown): json is Record<string, unknown> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

// A request without the recipient is a request; with the erased address in its place it would be mail to nobody.
const withoutRecipient = (json: Record<string, unknown>, form: RegExp): Record<string, unknown> | undefined => {
  if (!Array.isArray(json['recipients'])) return json;
  const others = (json['recipients'] as unknown[]).filter((recipient) => {
    const email = isRecord(recipient) ? recipient['email'] : recipient;
    return !holds(email ?? null, form);
  });
  return others.length === 0 ? undefined : { ...json, recipients: others };
};

export type Erased =
  /** The address does not stand in it. */
  | { readonly kind: 'untouched' }
  | { readonly kind: 'changed'; readonly payload: Buffer }
  /** Nothing of it is left that could be used. */
  | { readonly kind: 'empty' };

/**
 * Takes one recipient out of the payload of a dead letter, whatever the payload is: from a request's recipients, and every
 * other mention as `erasedAddress`. What is no text but holds the address byte by byte is given up whole.
 */
export const eraseFromPayload = (payload: Buffer, email: string): Erased => {
  const form = formsOf(email);
  let text: string;
  try {
    text = utf8.decode(payload);
  } catch {
    // Bytes that are no text cannot be mended; they are kept only when the address is not among them.
    return payload.toString('latin1').search(form) >= 0 ? { kind: 'empty' } : { kind: 'untouched' };
  }
  if (text.search(form) < 0) return { kind: 'untouched' };
  // What is nested so deep that it cannot be written again is taken for text, as what is no JSON.
  const json = jsonCostFault(payload, writable) === undefined ? readJson(text) : undefined;
  if (json === undefined) return { kind: 'changed', payload: Buffer.from(text.replace(form, erasedAddress)) };
  const left = isRecord(json) ? withoutRecipient(json, form) : json;
  if (left === undefined) return { kind: 'empty' };
  return { kind: 'changed', payload: Buffer.from(JSON.stringify(left).replace(form, erasedAddress)) };
};

/**
 * Takes one address out of what another recipient brings: from its copies whole, and from every other value as
 * `erasedAddress`. Undefined when it does not stand there.
 */
export const eraseFromData = (data: unknown, email: string): unknown => {
  const form = formsOf(email);
  if (!isRecord(data) || !holds(data, form)) return undefined;
  const left = Object.fromEntries(
    Object.entries(data).map(([name, value]) => [
      name,
      (name === 'cc' || name === 'bcc') && Array.isArray(value) ? value.filter((copy) => !holds(copy, form)) : value,
    ]),
  );
  return JSON.parse(JSON.stringify(left).replace(form, erasedAddress)) as unknown;
};

/** Whose request a dead letter's payload is; undefined where it does not say. */
export const accountOfPayload = (payload: Buffer): string | undefined => {
  try {
    const json: unknown = JSON.parse(payload.toString());
    return isRecord(json) && typeof json['accountId'] === 'string' ? json['accountId'] : undefined;
  } catch {
    // A payload that cannot be read says nothing.
    return undefined;
  }
};
