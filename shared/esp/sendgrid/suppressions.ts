import { z } from 'zod';
import type { ListedSuppression, ListSuppressions } from '../esp.ts';
import { getJson } from '../get-json.ts';

// twilio.com/docs/sendgrid/api-reference: four lists, each paged by offset, times in seconds. Blocks are not among them: those
// are passing refusals.
const lists: readonly { readonly path: string; readonly reason: ListedSuppression['reason'] }[] = [
  { path: 'suppression/bounces', reason: 'hard-bounce' },
  { path: 'suppression/invalid_emails', reason: 'hard-bounce' },
  { path: 'suppression/spam_reports', reason: 'complaint' },
  { path: 'suppression/unsubscribes', reason: 'unsubscribe' },
];
const pageSize = 500;
const page = z.array(z.object({ email: z.string() }));

/** The lists of one SendGrid account. */
export const sendgridSuppressions = (settings: {
  readonly apiKey: string;
  readonly baseUrl?: string | undefined;
}): ListSuppressions =>
  async function* (since) {
    const base = (settings.baseUrl ?? 'https://api.sendgrid.com').replace(/\/+$/, '');
    const from = since === undefined ? {} : { start_time: String(Math.floor(since.getTime() / 1_000)) };
    for (const { path, reason } of lists) {
      for (let offset = 0; ; offset += pageSize) {
        const query = new URLSearchParams({ ...from, limit: String(pageSize), offset: String(offset) });
        const found = page.parse(
          await getJson(`${base}/v3/${path}?${query.toString()}`, { authorization: `Bearer ${settings.apiKey}` }),
        );
        yield found.map(({ email }) => ({ email, reason }));
        if (found.length < pageSize) break;
      }
    }
  };
