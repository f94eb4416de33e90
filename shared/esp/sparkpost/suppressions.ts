import { z } from 'zod';
import type { ListedSuppression, ListSuppressions } from '../esp.ts';
import { getJson } from '../get-json.ts';

// developers.sparkpost.com/api/suppression-list: pages by a cursor; the answer links to the next one.
const page = z.object({
  results: z.array(z.object({ recipient: z.string(), source: z.string().optional(), list_id: z.string().nullish() })),
  links: z.array(z.object({ href: z.string(), rel: z.string() })).optional(),
});
const reasons: Readonly<Record<string, ListedSuppression['reason']>> = {
  'Bounce Rule': 'hard-bounce',
  'Spam Complaint': 'complaint',
  'List Unsubscribe': 'unsubscribe',
  'Unsubscribe Link': 'unsubscribe',
};

/** The list of one SparkPost account, without what it keeps for single mailing lists of its own. */
export const sparkpostSuppressions = (settings: {
  readonly apiKey: string;
  readonly baseUrl?: string | undefined;
}): ListSuppressions =>
  async function* (since) {
    const base = (settings.baseUrl ?? 'https://api.sparkpost.com').replace(/\/+$/, '');
    const from = since === undefined ? {} : { from: `${since.toISOString().slice(0, 19)}Z` };
    let next: string | undefined =
      `/api/v1/suppression-list?${new URLSearchParams({ cursor: 'initial', per_page: '1000', ...from }).toString()}`;
    while (next !== undefined) {
      const { results, links } = page.parse(await getJson(`${base}${next}`, { authorization: settings.apiKey }));
      yield results
        .filter(({ list_id: listId }) => listId === undefined || listId === null)
        .map(({ recipient, source }) => ({ email: recipient, reason: reasons[source ?? ''] ?? 'manual' }));
      next = results.length === 0 ? undefined : links?.find(({ rel }) => rel === 'next')?.href;
      if (next !== undefined && !next.startsWith('/')) next = undefined;
    }
  };
