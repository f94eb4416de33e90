import { z } from 'zod';
import { headerText, isStorableJson, storableText } from './text.ts';

// What SendGrid's official clients send to POST /v3/mail/send. Fields that say how SendGrid is to track or route pass unread.

const address = z.object({ email: headerText(998).min(1), name: headerText(500).nullish() });
export type SendgridAddress = z.infer<typeof address>;
const scalar = z.union([storableText(100_000), z.number(), z.boolean(), z.null()]);
const values = z.record(storableText(200), scalar);
/** Seconds since 1970. */
const moment = z.int().min(0).max(253_402_300_799);
const headers = z.record(z.string().max(200), headerText(998));
const text = storableText(10_000_000);

const personalization = z.object({
  to: z.array(address).min(1).max(1_000),
  cc: z.array(address).max(1_000).nullish(),
  bcc: z.array(address).max(1_000).nullish(),
  from: address.nullish(),
  subject: headerText(2_000).nullish(),
  headers: headers.nullish(),
  substitutions: values.nullish(),
  dynamic_template_data: z
    .record(storableText(200), z.unknown())
    .refine(isStorableJson, { error: 'must be well-formed Unicode without NUL characters, at most 20 levels deep' })
    .nullish(),
  custom_args: values.nullish(),
  send_at: moment.nullish(),
});

const attachment = z.object({
  content: z.base64(),
  filename: headerText(255).min(1),
  type: headerText(255).nullish(),
  disposition: z.enum(['attachment', 'inline']).nullish(),
  content_id: headerText(255).nullish(),
  // What SendGrid's client for Node makes of it in an attachment's plain form.
  contentId: headerText(255).nullish(),
});

const footer = z.object({ enable: z.boolean().nullish(), text: text.nullish(), html: text.nullish() });

export const sendgridMail = z
  .object({
    personalizations: z.array(personalization).min(1).max(1_000),
    from: address,
    reply_to: address.nullish(),
    reply_to_list: z.array(address).max(1_000).nullish(),
    subject: headerText(2_000).nullish(),
    content: z
      .array(z.object({ type: headerText(100).min(1), value: text.min(1) }))
      .max(10)
      .nullish(),
    attachments: z.array(attachment).max(50).nullish(),
    template_id: headerText(128).nullish(),
    sections: z.record(storableText(200), text).nullish(),
    headers: headers.nullish(),
    categories: z.array(headerText(255).min(1)).max(10).nullish(),
    custom_args: values.nullish(),
    send_at: moment.nullish(),
    asm: z.object({ group_id: z.int().min(1) }).nullish(),
    mail_settings: z
      .object({
        sandbox_mode: z.object({ enable: z.boolean().nullish() }).nullish(),
        footer: footer.nullish(),
      })
      .nullish(),
  })
  .meta({
    id: 'SendgridMail',
    example: {
      personalizations: [{ to: [{ email: 'ann@example.org' }], substitutions: { '-name-': 'Ann' } }],
      from: { email: 'news@acme.example' },
      subject: 'Hello -name-',
      content: [{ type: 'text/plain', value: 'Hi -name-' }],
    },
  });
export type SendgridMail = z.infer<typeof sendgridMail>;

export const sendgridErrors = z
  .object({
    errors: z.array(z.object({ message: z.string(), field: z.string().nullable(), help: z.string().nullable() })),
  })
  .meta({ id: 'SendgridErrors' });
