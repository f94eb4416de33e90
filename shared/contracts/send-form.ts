import { z } from 'zod';
import { bareAddressText } from './address-text.ts';
import { headerText, storableText } from './text.ts';

// The send form's API: one mail of plain text, its errors by field.

export const sendForm = z
  .object({
    email: z.object({
      fromEmail: bareAddressText,
      fromName: headerText(500).nullish(),
      toEmail: bareAddressText,
      toName: headerText(500).nullish(),
      subject: headerText(2_000).nullish(),
      body: storableText(204_800).min(1),
    }),
  })
  .meta({
    id: 'SendForm',
    example: {
      email: {
        fromEmail: 'news@acme.example',
        toEmail: 'ann@example.org',
        toName: 'Ann',
        subject: 'Hello',
        body: 'Hi',
      },
    },
  });

export const sendFormAnswer = z.object({ messageId: z.string() }).meta({ id: 'SendFormAnswer' });

/** By field; `base` for what is the fault of none. */
export const sendFormErrors = z.object({ errors: z.record(z.string(), z.string()) }).meta({ id: 'SendFormErrors' });
