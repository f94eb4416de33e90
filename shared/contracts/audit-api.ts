import { z } from 'zod';
import { isoTime } from './api-parts.ts';
import { moment, storableText } from './text.ts';

// What /v1/audit answers: the proof that nothing is lost, for a period.

const balance = z.object({
  accepted: z.int(),
  sent: z.int(),
  suppressed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  pending: z.int(),
});

export const auditQuery = z.strictObject({
  since: moment,
  until: moment.optional(),
  /** Of one account; without it, an admin of the fleet sees all. */
  accountId: storableText(128).min(1).optional(),
});

export const auditAnswer = z
  .object({
    since: isoTime,
    until: isoTime,
    cut: z.boolean().meta({ description: 'Whether the period began before `since`, 31 days before its end.' }),
    accountId: z.string().nullable(),
    requests: z.int(),
    ...balance.shape,
    balanced: z.boolean().meta({
      description:
        'Whether accepted = sent + suppressed + failed + cancelled + pending, and no request has more messages than recipients.',
    }),
    duplicatesSuspected: z.int(),
    states: z.record(z.string(), z.int()),
    byEsp: z.array(z.object({ esp: z.string(), ...balance.omit({ accepted: true }).shape, messages: z.int() })),
    uneven: z.array(z.object({ id: z.string(), total: z.int(), rows: z.int() })).meta({
      description: 'Requests with more or fewer messages than recipients; fewer is normal for what is on its way.',
    }),
  })
  .meta({ id: 'Audit' });
