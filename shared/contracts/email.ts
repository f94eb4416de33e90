import { z } from 'zod';
import { configuredEsp } from './esp-name.ts';
import { listName } from './suppressions-api.ts';
import { templateChoice } from './templates-api.ts';
import { templateValues } from './template-values.ts';
import { seedRecord } from './seed-email.ts';
import { addressText } from './address-text.ts';
import { headerNamePattern } from './header-names.ts';
import { requestId } from './request-id.ts';
import { headerText, moment, storableText, templateLine, templateText } from './text.ts';

export const messageClasses = ['otp', 'transactional', 'bulk'] as const;
export const sendPolicies = ['at-least-once', 'at-most-once'] as const;
export const maxRecipients = 10_000;

const values = templateValues;
const metadata = z.record(storableText(200), storableText(100_000));

export type { TemplateValues } from './template-values.ts';

const recipientOf = (object: typeof z.strictObject | typeof z.object) =>
  object({
    email: addressText,
    name: headerText(500).optional(),
    cc: z.array(addressText).max(50).optional(),
    bcc: z.array(addressText).max(50).optional(),
    substitutions: values.optional(),
    metadata: metadata.optional(),
  });

/** One shape for both roads: HTTP refuses unknown properties, a Kafka record lets them pass (contracts grow by fields). */
const emailBody = (object: typeof z.strictObject | typeof z.object) => {
  const recipient = recipientOf(object);
  const attachment = object({
    filename: headerText(255).min(1),
    contentType: headerText(255)
      .refine((text) => /^[\w.+-]+\/[\w.+-]+/.test(text), { error: 'must be a media type such as application/pdf' })
      .meta({ pattern: '^[A-Za-z0-9_.+-]+/[A-Za-z0-9_.+-]+[^\\u0000\\r\\n]*$' }),
    content: z.base64({ error: 'must be base64' }),
    contentId: headerText(255).optional(),
  });
  return object({
    from: addressText,
    replyTo: addressText.optional(),
    subject: templateLine(2_000).optional(),
    text: templateText(10_000_000).optional(),
    html: templateText(10_000_000).optional(),
    recipients: z.array(recipient).min(1).max(maxRecipients),
    class: z.enum(messageClasses).optional(),
    policy: z.enum(sendPolicies).optional(),
    /** What is decided for the next batch of an id goes by the outcomes since the one before; with a size, it goes out in paces. */
    batch: object({
      id: headerText(128).min(1),
      size: z.int().min(1).max(maxRecipients).optional(),
      intervalSeconds: z.int().min(1).max(2_592_000).optional(),
    })
      .meta({ dependentRequired: { size: ['intervalSeconds'], intervalSeconds: ['size'] } })
      .optional(),
    sendAt: moment.optional(),
    esps: z.array(configuredEsp).min(1).max(50).optional(),
    tags: z.array(headerText(255).min(1)).max(10).optional(),
    headers: z
      .record(
        z
          .string()
          .regex(/^[!-9;-~]{1,76}$/, { error: 'is not a header name' })
          .meta({ pattern: headerNamePattern }),
        headerText(998),
      )
      .optional(),
    /** Variables that all recipients share; a recipient's own substitutions win. */
    data: values.optional(),
    /** True: a variable that has no value refuses the request, instead of standing for nothing. */
    strictVariables: z.boolean().optional(),
    attachments: z.array(attachment).max(50).optional(),
    /** The list that recipients can unsubscribe from: adds the headers of RFC 8058 and the variable `unsubscribeUrl`. */
    unsubscribe: object({ list: listName }).optional(),
    /** A stored template instead of subject, text and html. */
    template: object(templateChoice).optional(),
  });
};

/** What `POST /v1/emails` takes; rules that need more than shape are in `domain/check-email-request.ts`. */
export const emailRequest = emailBody(z.strictObject).meta({
  id: 'EmailRequest',
  description: 'One content for one or many recipients; each recipient is a message of its own.',
  anyOf: [
    { required: ['text'], not: { required: ['template'] } },
    { required: ['html'], not: { required: ['template'] } },
    {
      required: ['template'],
      not: { anyOf: [{ required: ['subject'] }, { required: ['text'] }, { required: ['html'] }] },
    },
  ],
  example: {
    from: 'News <news@acme.example>',
    subject: 'Hello {{name}}',
    text: 'Hi {{name}}',
    recipients: [{ email: 'ann@example.org', name: 'Ann', substitutions: { name: 'Ann' } }],
  },
});
export type EmailRequest = z.infer<typeof emailRequest>;

/** Which part of its request a record holds. Without it a record is a whole request. */
const part = z.object({
  number: z.int().min(0),
  of: z.int().min(1),
  total: z.int().min(1).max(maxRecipients),
  first: z.int().min(0),
  /** Per mailbox provider: how many recipients the request has, and how many of them earlier parts hold. */
  providers: z.record(z.string(), z.object({ total: z.int().min(1), first: z.int().min(0) })),
});
export type RequestPart = z.infer<typeof part>;

/**
 * Values that only the mail itself may show, sealed by the door for this recipient (`domain/sealed-value.ts`): they are
 * opened in memory when it is sent.
 */
const sealedValues = z.record(z.string().max(200), z.string().max(10_000));
export type SealedValues = Readonly<Record<string, string>>;

/** A record of an email topic: the request itself, with an id where its producer gave one. */
export const emailRecord = emailBody(z.object).extend({
  recipients: z
    .array(recipientOf(z.object).extend({ sealed: sealedValues.optional() }))
    .min(1)
    .max(maxRecipients),
  id: requestId.optional(),
  accountId: headerText(128).min(1).optional(),
  /** Key of the blob that holds the heavy fields (text, html, attachments, data) when they are too large for a record. */
  contentRef: z
    .string()
    .regex(/^content\/[A-Za-z0-9._:-]{1,140}\.json$/)
    .optional(),
  part: part.optional(),
});
export type EmailRecord = z.infer<typeof emailRecord>;

/** A record that the scheduler publishes for messages that are already stored and due (again). */
export const dueRecord = z.object({ due: z.array(z.uuid()).min(1).max(5_000) });

// The first branch is the one whose faults are told when neither fits.
export const sendRecord = z.union([emailRecord, dueRecord, seedRecord]);
export type SendRecord = z.infer<typeof sendRecord>;

/** The fields that can be large: they go to the blob store together. */
export const heavyContent = emailRecord.pick({ text: true, html: true, attachments: true, data: true });
export type HeavyContent = z.infer<typeof heavyContent>;

/** What the recipients of a request share, as it was asked for: it is stored once a request and compiled for the ESPs. */
export type SharedContent = Pick<
  EmailRecord,
  | 'from'
  | 'replyTo'
  | 'subject'
  | 'text'
  | 'html'
  | 'headers'
  | 'tags'
  | 'attachments'
  | 'data'
  | 'strictVariables'
  | 'contentRef'
  | 'unsubscribe'
> & {
  /** The template in the version that the request met; its texts stand in `template_versions`. */
  readonly template?: { readonly id: string; readonly language: string; readonly version: number } | undefined;
};
