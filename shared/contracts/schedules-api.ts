import { z } from 'zod';
import { addressText } from './address-text.ts';
import { isoTime } from './api-parts.ts';
import { emailRequest } from './email.ts';
import { headerText } from './text.ts';

// `/v1/schedules`: mail that is sent again and again.

export const contentName = headerText(128).min(1);
const cron = headerText(100).min(1).meta({
  description: 'Five fields (minute, hour, day, month, weekday), or @hourly, @daily, @weekly, @monthly.',
});
const zone = headerText(64).min(1).meta({ description: 'IANA time zone.' });

/** Named content, read when it is due, and whom it goes to. */
const contentChoice = z.strictObject({
  name: contentName,
  from: addressText.optional(),
  recipients: emailRequest.shape.recipients,
});

export const newSchedule = z
  .strictObject({
    name: headerText(200).optional(),
    cron,
    zone: zone.optional(),
    email: emailRequest.optional(),
    content: contentChoice.optional(),
  })
  .meta({
    oneOf: [{ required: ['email'] }, { required: ['content'] }],
    example: {
      name: 'weekly news',
      cron: '0 9 * * 1',
      zone: 'Europe/Berlin',
      email: {
        from: 'News <news@acme.example>',
        subject: 'This week',
        text: 'Here is what is new.',
        recipients: [{ email: 'ann@example.org' }],
      },
    },
  });

export const scheduleChange = z
  .strictObject({
    name: headerText(200).optional(),
    cron: cron.optional(),
    zone: zone.optional(),
    email: emailRequest.optional(),
    content: contentChoice.optional(),
  })
  .meta({ example: { cron: '@daily', zone: 'Europe/Berlin' } });

const schedule = z.object({
  id: z.string(),
  name: z.string(),
  cron: z.string(),
  zone: z.string(),
  state: z.enum(['active', 'paused', 'over']),
  content: z
    .string()
    .nullable()
    .meta({ description: 'The named content that it reads; null when it has texts of its own.' }),
  subscriber: z.string().nullable().meta({ description: 'Whose subscription it is.' }),
  from: z.string(),
  recipients: z.int(),
  nextRunAt: isoTime.nullable(),
  createdAt: isoTime,
});

export const scheduleSummary = schedule.meta({ id: 'ScheduleSummary' });
export const scheduleListAnswer = z.object({ data: z.array(scheduleSummary), hasMore: z.boolean() });
export const scheduleAnswer = schedule
  .extend({
    nextRuns: z.array(isoTime).meta({ description: 'The next five, unless it is paused.' }),
    runs: z
      .array(
        z.object({ dueAt: isoTime, firedAt: isoTime, requestId: z.string().nullable(), reason: z.string().nullable() }),
      )
      .meta({ description: 'The last ten. Without a request nothing was sent, for the reason beside it.' }),
  })
  .meta({ id: 'Schedule' });
