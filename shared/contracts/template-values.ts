import { z } from 'zod';
import { isStorableJson, storablePattern, storableText } from './text.ts';

/** A value that templates can use: text mostly, lists and objects for loops and paths. */
const templateValue = z
  .union([
    z.string().max(100_000),
    z.number(),
    z.boolean(),
    z.null(),
    z.array(z.unknown()),
    z.record(z.string(), z.unknown()),
  ])
  .refine(isStorableJson, { error: 'must be well-formed Unicode without NUL characters, at most 20 levels deep' });
/** Variables of templates, by name. */
export const templateValues = z
  .record(storableText(200), templateValue)
  .meta({ additionalProperties: { $ref: '#/components/schemas/TemplateValueInput' } });

/** The same value as the OpenAPI document shows it. Nothing is checked by it: deep nesting would exhaust the stack. */
const shownText = z.string().meta({ pattern: storablePattern });
const shownValue: z.ZodType = z.lazy(() =>
  z.union([shownText, z.number(), z.boolean(), z.null(), z.array(shownValue), z.record(shownText, shownValue)]),
);
z.globalRegistry.add(shownValue, {
  id: 'TemplateValue',
  description:
    'Text mostly, of at most 100,000 characters; lists and objects for loops and paths, at most 20 levels deep.',
});
/** Variables of a template, by name. */
export type TemplateValues = Readonly<Record<string, unknown>>;
