import { z } from 'zod';
import { domainText } from './address-text.ts';
import { isoTime } from './api-parts.ts';
import { storableText } from './text.ts';
import { verdicts } from './verdict.ts';

// What is asked and told of domains, under /v1 and on the routes of the catch-all seed (`contract` §3 and §4).

export const domainAnswer = z
  .object({
    domain: z.string(),
    status: z.enum(verdicts),
    delivered: z.int(),
    bounced: z.int(),
    threshold: z.int().meta({ description: 'Catch-all needs more deliveries than this, and no bounce.' }),
    firstBounceAt: isoTime.nullable(),
    updatedAt: isoTime.nullable(),
  })
  .meta({ id: 'Domain' });
export type DomainAnswer = z.infer<typeof domainAnswer>;

export const domainListAnswer = z
  .object({ data: z.array(domainAnswer), hasMore: z.boolean() })
  .meta({ id: 'DomainList' });

export const domainListQuery = z.strictObject({
  status: z.enum(verdicts).optional(),
  search: storableText(1_000)
    .min(1)
    .optional()
    .meta({ description: 'The beginning of the name; `.example.org` or `*.example.org`: its end.' }),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  after: domainText.optional().meta({ description: 'The last name of the page before.' }),
});

/** One line of `POST /v1/delivery-events`. */
export const domainEventLine = z
  .strictObject({
    domain: domainText,
    type: z.enum(['delivered', 'bounced']),
    count: z.int().min(1).max(1_000_000_000).optional(),
    id: storableText(300)
      .min(1)
      .optional()
      .meta({ description: 'Whatever has the same id is one event, however often it is told.' }),
  })
  .meta({ id: 'DomainEvent' });

const line = { domain: 'example.org', type: 'delivered', count: 3 };
export const domainEventList = z.array(domainEventLine).meta({ id: 'DomainEvents', example: [line] });

export const acceptedEvents = z
  .object({ accepted: z.int().meta({ description: 'Lines or elements.' }) })
  .meta({ id: 'AcceptedEvents' });

/** The catch-all seed's answers; names and spelling are its clients'. */
export const seedVerdict = z.object({ domain: z.string(), status: z.enum(verdicts) }).meta({ id: 'SeedVerdict' });
export const seedStats = z
  .object({
    catch_all: z.int(),
    not_catch_all: z.int(),
    unknown: z.int(),
    total: z.int(),
    timestamp: isoTime,
  })
  .meta({ id: 'SeedStats' });
export const seedFault = z.object({ error: z.string() }).meta({ id: 'SeedFault' });
export const seedMetrics = z
  .object({
    uptime_seconds: z.number(),
    requests_total: z.int(),
    requests_failed: z.int().meta({ description: 'Answered with 500 and above.' }),
    events_total: z.int(),
    events: z.object({ delivered: z.int(), bounced: z.int() }),
    mean_response_ms: z.number(),
    p95_response_ms: z.number(),
  })
  .meta({ id: 'SeedMetrics' });
