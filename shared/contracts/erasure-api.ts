import { z } from 'zod';
import { isoTime } from './api-parts.ts';

/** What is known of the erasure of one recipient; never the address. */
export const erasureAnswer = z
  .object({
    id: z.int(),
    status: z.enum(['running', 'done']),
    messages: z.int(),
    copies: z.int(),
    deadLetters: z.int(),
    requestedAt: isoTime,
    doneAt: isoTime.nullable(),
  })
  .meta({ id: 'Erasure' });
