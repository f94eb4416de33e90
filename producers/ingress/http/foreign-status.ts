import type { RefusalKind } from '../refusal.ts';

/** Refusals as the systems answer them whose clients come here: they know no 422. */
export const foreignStatus: Readonly<Record<RefusalKind, number>> = {
  invalid: 400,
  'too-large': 413,
  'in-flight': 409,
  'too-many': 429,
  'not-authenticated': 401,
  'not-allowed': 403,
  'not-found': 404,
};
