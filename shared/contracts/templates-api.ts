import { z } from 'zod';
import { isoTime } from './api-parts.ts';
import { headerText, templateLine, templateText } from './text.ts';
import { templateValues } from './template-values.ts';

// Stored texts of mail, under /v1/templates.

/** Ids that people choose for templates. */
export const templateId = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'must be 1 to 64 of A-Z a-z 0-9 . _ -' });

/** A language tag (RFC 5646) as far as it tells languages, scripts and regions apart: `fr`, `fr-CA`, `zh-Hant-TW`. */
export const languageTag = z
  .string()
  .regex(/^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}$/, { error: 'must be a language tag such as fr or fr-CA' });

/** The fields by which a request names a template. */
export const templateChoice = { id: templateId, language: languageTag.optional() };

const textSize = 500_000;
const texts = z
  .strictObject({
    subject: templateLine(2_000),
    text: templateText(textSize).optional(),
    html: templateText(textSize).optional(),
  })
  .meta({ id: 'TemplateTexts', anyOf: [{ required: ['text'] }, { required: ['html'] }] });
export type TemplateTexts = z.infer<typeof texts>;

const example = {
  name: 'Welcome',
  defaultLanguage: 'en',
  languages: { en: { subject: 'Hello {{ name }}', text: 'Hi {{ name }}' }, fr: { subject: 'Bonjour', text: 'Salut' } },
};
const content = {
  name: headerText(200).min(1).optional(),
  defaultLanguage: languageTag.meta({ description: 'What is sent where no language fits; one of `languages`.' }),
  languages: z
    .record(languageTag, texts)
    .refine((languages) => Object.keys(languages).length <= 100, { error: 'must have at most 100 languages' })
    .meta({ maxProperties: 100, minProperties: 1 }),
};
export const newTemplate = z
  .strictObject({ id: templateId.optional(), ...content })
  .meta({ id: 'NewTemplate', example: { id: 'welcome', ...example } });
export const templateChange = z.strictObject(content).meta({ id: 'TemplateChange', example });
export type TemplateContent = z.infer<typeof templateChange>;

const head = {
  id: z.string(),
  name: z.string(),
  version: z.int(),
  createdAt: isoTime,
  updatedAt: isoTime,
};
export const templateAnswer = z
  .object({ ...head, defaultLanguage: z.string(), languages: z.record(z.string(), texts) })
  .meta({ id: 'Template' });
export const templateListAnswer = z
  .object({ data: z.array(z.object(head)), hasMore: z.boolean() })
  .meta({ id: 'TemplateList' });
export const templateVersionsAnswer = z
  .object({
    data: z.array(
      z.object({
        version: z.int(),
        defaultLanguage: z.string(),
        languages: z.array(z.string()),
        createdAt: isoTime,
      }),
    ),
    hasMore: z.boolean(),
  })
  .meta({ id: 'TemplateVersions' });

export const previewQuestion = z
  .strictObject({
    language: languageTag.optional(),
    version: z.int().min(1).max(2_147_483_647).optional(),
    data: templateValues.optional(),
    strictVariables: z.boolean().optional(),
  })
  .meta({ example: { language: 'fr-CA', data: { name: 'Ann' } } })
  .default({});
export const previewAnswer = z
  .object({
    version: z.int(),
    language: z.string(),
    subject: z.string(),
    text: z.string().nullable(),
    html: z.string().nullable(),
  })
  .meta({ id: 'TemplatePreview' });
