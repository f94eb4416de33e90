import { z } from 'zod';
import { headerText, storableText } from './text.ts';

// The Go consumer's record (contract §4): SendGrid v3's body in an envelope, whose keys were read whatever their case.

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const lowerKeys = (value: unknown): unknown =>
  isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), inner])) : value;
const each = (value: unknown, change: (item: unknown) => unknown): unknown =>
  Array.isArray(value) ? value.map((item) => change(item)) : value;

// Only keys of the format are lowered: those of substitutions, sections, headers and custom_args are the sender's own.
const withFields = (value: unknown, changes: Readonly<Record<string, (inner: unknown) => unknown>>): unknown => {
  const lowered = lowerKeys(value);
  if (!isObject(lowered)) return lowered;
  const changed = Object.entries(changes).filter(([key]) => key in lowered);
  return { ...lowered, ...Object.fromEntries(changed.map(([key, change]) => [key, change(lowered[key])])) };
};
const addresses = (value: unknown): unknown => (Array.isArray(value) ? each(value, lowerKeys) : lowerKeys(value));
const normaliseKeys = (value: unknown): unknown =>
  withFields(value, {
    body: (body) =>
      withFields(body, {
        from: addresses,
        reply_to: addresses,
        content: (content) => each(content, lowerKeys),
        attachments: (attachments) => each(attachments, lowerKeys),
        personalizations: (list) =>
          each(list, (item) => withFields(item, { to: addresses, cc: addresses, bcc: addresses })),
      }),
  });

const address = z.union([
  headerText(998).min(3),
  z.object({ email: headerText(998).min(3), name: headerText(500).nullish() }),
]);
export type SeedAddress = z.infer<typeof address>;
const scalar = z.union([storableText(100_000), z.number(), z.boolean(), z.null()]);
const values = z.record(storableText(200), scalar);
const text = storableText(10_000_000);
const id = z.union([headerText(128), z.number()]).nullish();

export const seedRecord = z.preprocess(
  normaliseKeys,
  z.object({
    batchid: id,
    messageid: id,
    userid: id,
    body: z.object({
      from: address,
      reply_to: address.nullish(),
      subject: headerText(2_000).nullish(),
      personalizations: z
        .array(
          z.object({
            to: z.array(address).min(1),
            cc: z.array(address).nullish(),
            bcc: z.array(address).nullish(),
            subject: headerText(2_000).nullish(),
            substitutions: values.nullish(),
            custom_args: values.nullish(),
          }),
        )
        .min(1),
      content: z.array(z.object({ type: headerText(100), value: text })).min(1),
      attachments: z
        .array(
          z.object({
            content: z.base64(),
            content_id: headerText(255).nullish(),
            filename: headerText(255).nullish(),
            name: headerText(255).nullish(),
            type: headerText(255).nullish(),
          }),
        )
        .nullish(),
      headers: z.record(z.string(), headerText(998)).nullish(),
      categories: z.array(headerText(255)).nullish(),
      custom_args: values.nullish(),
      sections: z.record(storableText(200), text).nullish(),
    }),
  }),
);
export type SeedRecord = z.infer<typeof seedRecord>;
