import { z } from 'zod';
import { bareAddressText } from './address-text.ts';
import { isoTime } from './api-parts.ts';

// One-time codes under /v1.

/** Kept apart from each other: a code for one purpose is none for another. */
const purpose = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'must be 1 to 64 of A-Z a-z 0-9 . _ -' })
  .optional();

export const newCodeRequest = z
  .strictObject({
    email: bareAddressText,
    length: z.int().min(4).max(8).optional().meta({ description: 'Digits; 6 where it is not given.' }),
    purpose,
    language: z
      .string()
      .regex(/^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}$/, { error: 'must be a language tag such as en or pt-BR' })
      .optional(),
  })
  .meta({ id: 'NewCode', example: { email: 'ann@example.org' } });

export const sentCodeAnswer = z
  .object({
    id: z.string(),
    expiresAt: isoTime,
    code: z.string().optional().meta({ description: 'Only with OTP_ECHO=1, for tests.' }),
  })
  .meta({ id: 'SentCode' });

export const codeGuess = z
  .strictObject({ email: bareAddressText, code: z.string().min(1).max(64), purpose })
  .meta({ id: 'CodeGuess', example: { email: 'ann@example.org', code: '123456' } });

export const codeGuessAnswer = z.object({ verified: z.boolean() }).meta({ id: 'CodeGuessAnswer' });

export const codeCountsAnswer = z
  .object({ days: z.int(), issued: z.int(), verified: z.int(), expired: z.int() })
  .meta({ id: 'CodeCounts' });
