import { z } from 'zod';

/** Ids that are used as they stand (`contract` §8): 1–128 of `A-Za-z0-9._:-`. */
export const requestId = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,128}$/, { error: 'must be 1 to 128 of A-Z a-z 0-9 . _ : -' });
