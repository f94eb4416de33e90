import { z } from 'zod';

// What the answers of /v1 have in common.

export const isoTime = z.string();

/** A number for each ESP. */
export const weights = z.record(z.string(), z.number());

/** What a decision went by: the last 30 days, or what became known since the batch before. */
export const weightWindow = z.enum(['30d', 'since-last-batch']);

/** For a field's `meta`: the OpenAPI document is silent about it, for the reason that stands beside the field. */
export const hidden = { hidden: true } as const;
