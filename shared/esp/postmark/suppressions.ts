import { z } from 'zod';
import type { ListedSuppression, ListSuppressions } from '../esp.ts';
import { getJson } from '../get-json.ts';

// postmarkapp.com/developer/api/suppressions-api: the whole list of a stream in one answer, from a day on.
const dump = z.object({
  Suppressions: z.array(
    z.object({ EmailAddress: z.string(), SuppressionReason: z.string(), Origin: z.string().optional() }),
  ),
});

const reasonOf = (reason: string, origin: string | undefined): ListedSuppression['reason'] => {
  if (reason === 'HardBounce') return 'hard-bounce';
  if (reason === 'SpamComplaint') return 'complaint';
  return origin === 'Recipient' ? 'unsubscribe' : 'manual';
};

/** The list of one Postmark server's stream. */
export const postmarkSuppressions = (settings: {
  readonly serverToken: string;
  readonly baseUrl?: string | undefined;
  readonly messageStream?: string | undefined;
}): ListSuppressions =>
  async function* (since) {
    const base = (settings.baseUrl ?? 'https://api.postmarkapp.com').replace(/\/+$/, '');
    const stream = encodeURIComponent(settings.messageStream ?? 'outbound');
    // Days begin in Postmark's own time zone, which is behind ours.
    const from =
      since === undefined ? '' : `?fromdate=${new Date(since.getTime() - 86_400_000).toISOString().slice(0, 10)}`;
    const { Suppressions: found } = dump.parse(
      await getJson(`${base}/message-streams/${stream}/suppressions/dump${from}`, {
        'x-postmark-server-token': settings.serverToken,
      }),
    );
    yield found.map(({ EmailAddress, SuppressionReason, Origin }) => ({
      email: EmailAddress,
      reason: reasonOf(SuppressionReason, Origin),
    }));
  };
