import { z } from 'zod';
import { isoTime, weights, weightWindow } from './api-parts.ts';
import { configuredEsp } from './esp-name.ts';
import { storableText } from './text.ts';

// Routing under /v1: weights, the numbers behind them, and what operators set for an ESP.

const evidence = {
  sent: z.int(),
  settled: z.int().meta({ description: 'Those whose outcome is known, or would be by now: the base of rates.' }),
  delivered: z.int(),
  opened: z.int(),
  clicked: z.int(),
  bounced: z.int(),
  complained: z.int(),
  catchAll: z.int().meta({ description: 'Those of the delivered whose domain takes mail for any address.' }),
};

const cell = z.object({ weight: z.int(), score: z.number(), ...evidence });

export const weightsAnswer = z
  .object({
    id: z.int().meta({ description: 'The decision; messages that followed it name it.' }),
    window: weightWindow,
    total: z.int(),
    policy: z.string(),
    reason: z.string(),
    decidedAt: isoTime,
    providerWeights: z.record(z.string(), weights).meta({ description: 'By mailbox provider, of 1000 each.' }),
    esps: z.array(
      z.object({
        esp: z.string(),
        weight: z.int(),
        score: z.number(),
        health: z.string(),
        allowance: z
          .string()
          .meta({ description: 'How much of the mail it might have when it was decided, in words.' }),
        ...evidence,
        byProvider: z.record(z.string(), cell).meta({ description: 'The same for each mailbox provider.' }),
      }),
    ),
  })
  .meta({ id: 'Weights' });

const ramp = z.object({
  percentPerDay: z.number(),
  percent: z.number().meta({ description: 'The most of all mail that it may have now.' }),
  steppedAt: isoTime,
  held: z.string().optional().meta({ description: 'Why it did not grow when it last might have.' }),
});

const espEntry = z.object({
  esp: z.string(),
  kind: z.string(),
  state: z.enum(['active', 'paused', 'draining', 'probe-only']).meta({ description: 'What an operator wants of it.' }),
  health: z.enum(['healthy', 'unhealthy']),
  goodRounds: z.int(),
  badRounds: z.int(),
  trips: z.int().meta({ description: 'How often it fell ill lately; the more, the slower it gets its mail back.' }),
  allowance: z.string().meta({ description: 'How much of the mail it may have now, in words.' }),
  weight: z.int(),
  limits: z.object({
    deliveriesPerCall: z.int(),
    bytesPerCall: z.int(),
    concurrentCalls: z.int(),
    perSecond: z.int().nullable(),
    perDay: z.int().nullable(),
    perMonth: z.int().nullable(),
    ramp: ramp.nullable(),
    spentToday: z.number().meta({ description: 'Messages of the running day (UTC).' }),
    spentThisMonth: z.number(),
  }),
  lastError: z.string().nullable(),
  updatedAt: isoTime.nullable(),
});
export type EspEntry = z.infer<typeof espEntry>;

export const espsAnswer = z.object({ data: z.array(espEntry) }).meta({ id: 'EspList' });

export const espAnswer = z
  .object({
    ...espEntry.shape,
    warning: z.string().optional().meta({ description: 'There when no ESP is left for new mail.' }),
  })
  .meta({ id: 'Esp' });

const reason = storableText(500).optional();

export const modeChange = z
  .strictObject({ reason })
  .prefault({})
  .meta({ description: 'May be left out.', example: { reason: 'blocklisted at outlook' } });

const most = (limit: number) => z.int().min(1).max(limit).nullable().optional();

export const limitsChange = z
  .strictObject({
    perSecond: most(1_000_000),
    perDay: most(1_000_000_000_000),
    perMonth: most(1_000_000_000_000),
    ramp: z
      .strictObject({ percentPerDay: z.number().min(0.1).max(100) })
      .nullable()
      .optional(),
    reason,
  })
  .refine(({ perSecond, perDay, perMonth, ramp }) => [perSecond, perDay, perMonth, ramp].some((x) => x !== undefined), {
    error: 'names no limit',
  })
  .meta({
    id: 'EspLimitsChange',
    example: { perSecond: 14, perDay: 50_000, reason: 'account limits' },
    anyOf: ['perSecond', 'perDay', 'perMonth', 'ramp'].map((name) => ({ required: [name] })),
    description: 'Fields that are left out stay as they are; null removes a limit.',
  });

export const historyAnswer = z
  .object({
    esp: z.string(),
    since: isoTime,
    step: z.int().meta({ description: 'Seconds; of the decisions in a step the last one is shown.' }),
    data: z
      .array(
        z.object({
          at: isoTime,
          weight: z.int(),
          allowance: z.string().optional(),
          policy: z.string(),
          reason: z.string(),
        }),
      )
      .meta({ description: 'Oldest first, beginning with the weight that stood at `since`.' }),
    outcomeStep: z.int().meta({ description: 'Seconds, whole hours.' }),
    outcomes: z
      .array(
        z.object({
          at: isoTime,
          sent: z.int(),
          delivered: z.int(),
          bounced: z.int(),
          complained: z.int(),
          opened: z.int(),
        }),
      )
      .meta({ description: 'By the time of sending.' }),
    audit: z
      .array(z.object({ at: isoTime, action: z.string(), accountId: z.string(), reason: z.string().nullable() }))
      .meta({ description: 'The last 100 changes, newest first.' }),
  })
  .meta({ id: 'EspHistory' });

export const sendersAnswer = z
  .object({
    data: z
      .array(
        z.object({
          domain: z.string(),
          mailboxProvider: z.string(),
          delivered: z.int(),
          complained: z.int(),
          rate: z.number().meta({ description: 'Complaints among what was delivered, 0 to 1.' }),
          state: z.enum(['none', 'slow', 'hold-back']).meta({ description: 'What is done with bulk mail.' }),
          perMinute: z.int().nullable().meta({ description: 'The most that goes out; null for any number.' }),
          sentence: z.string(),
        }),
      )
      .meta({ description: 'The 1,000 that are complained about most, of the last 7 days (UTC).' }),
  })
  .meta({ id: 'SenderList' });

export const policyName = z.enum(['adaptive', 'rates', 'thompson', 'even']);

const espNames = z.array(configuredEsp).max(100);

export const whatIfQuestion = z
  .strictObject({
    policy: policyName.optional(),
    without: espNames.optional().meta({ description: 'As if these were paused.' }),
    esps: espNames.min(1).optional().meta({ description: 'As if only these were configured.' }),
    days: z.int().min(1).max(30).default(30).meta({ description: 'How far back to look.' }),
  })
  .prefault({})
  .meta({ description: 'May be left out.', example: { policy: 'even', days: 7 } });

const rates = {
  delivered: z.number().meta({ description: 'Share of the mail, 0 to 1, with the mix of mailbox providers as it is.' }),
  complained: z.number(),
};

export const whatIfAnswer = z
  .object({
    policy: z.string(),
    days: z.int(),
    weights,
    providerWeights: z.record(z.string(), weights),
    esps: z.array(
      z.object({
        esp: z.string(),
        weight: z.int(),
        change: z.int().meta({ description: 'Against today’s weight.' }),
        score: z.number().nullable(),
      }),
    ),
    expected: z.object(rates),
    today: z.object({ weights, ...rates }),
    reason: z.string(),
    warning: z.string().optional(),
  })
  .meta({ id: 'WhatIfAnswer' });
