// The suppression lists that the providers keep by themselves, as their APIs show them: whom they told of as bounced for good
// or complaining.
import type { IncomingHttpHeaders } from 'node:http';
import { jsonAnswer, type WireAnswer } from './simulated-esp.ts';

export interface Suppressed {
  readonly email: string;
  readonly reason: 'bounce' | 'complaint';
  readonly at: Date;
}

interface Asked {
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
}

export interface SuppressionRoute {
  readonly kind: string;
  /** Below `/<kind>`; may hold parameters of the router. */
  readonly path: string;
  answer(all: readonly Suppressed[], asked: Asked): WireAnswer;
}

const denied = (body: unknown): WireAnswer => jsonAnswer(401, body);
const paged = <T>(all: readonly T[], first: number, size: number): readonly T[] => all.slice(first, first + size);
const numberOf = (url: URL, name: string, fallback: number): number => Number(url.searchParams.get(name) ?? fallback);

const sendgridList = (path: string, reason: Suppressed['reason'] | undefined): SuppressionRoute => ({
  kind: 'sendgrid',
  path: `/v3/suppression/${path}`,
  answer: (all, { url, headers }) => {
    if (!/^Bearer ./.test(headers.authorization ?? '')) {
      return denied({ errors: [{ field: null, message: 'authorization required' }] });
    }
    const since = numberOf(url, 'start_time', 0) * 1_000;
    const found = all.filter((one) => one.reason === reason && one.at.getTime() >= since);
    const page = paged(found, numberOf(url, 'offset', 0), numberOf(url, 'limit', 500));
    return jsonAnswer(
      200,
      page.map(({ email, at }) => ({
        created: Math.floor(at.getTime() / 1_000),
        email,
        ...(reason === 'bounce' ? { reason: '550 5.1.1 no such user', status: '5.1.1' } : { ip: '10.0.0.1' }),
      })),
    );
  },
});

/** Every list that a provider's API shows. */
export const suppressionRoutes: readonly SuppressionRoute[] = [
  sendgridList('bounces', 'bounce'),
  sendgridList('spam_reports', 'complaint'),
  sendgridList('invalid_emails', undefined),
  sendgridList('unsubscribes', undefined),
  {
    kind: 'postmark',
    path: '/message-streams/:stream/suppressions/dump',
    answer: (all, { url, headers }) => {
      if (headers['x-postmark-server-token'] === undefined) {
        return denied({ ErrorCode: 10, Message: 'Request does not contain a valid Server token.' });
      }
      const from = url.searchParams.get('fromdate') ?? '0000';
      return jsonAnswer(200, {
        Suppressions: all
          .filter(({ at }) => at.toISOString() >= from)
          .map(({ email, reason, at }) => ({
            EmailAddress: email,
            SuppressionReason: reason === 'bounce' ? 'HardBounce' : 'SpamComplaint',
            Origin: 'Recipient',
            CreatedAt: at.toISOString(),
          })),
      });
    },
  },
  {
    kind: 'sparkpost',
    path: '/api/v1/suppression-list',
    answer: (all, { url, headers }) => {
      if (headers.authorization === undefined) return denied({ errors: [{ message: 'Unauthorized.' }] });
      const cursor = url.searchParams.get('cursor') ?? 'initial';
      const size = numberOf(url, 'per_page', 1_000);
      const from = url.searchParams.get('from') ?? '0000';
      const found = all.filter(({ at }) => at.toISOString() >= from);
      const first = cursor === 'initial' ? 0 : Number(cursor);
      const next = new URLSearchParams(url.searchParams);
      next.set('cursor', String(first + size));
      return jsonAnswer(200, {
        results: paged(found, first, size).map(({ email, reason, at }) => ({
          recipient: email,
          type: 'non_transactional',
          source: reason === 'bounce' ? 'Bounce Rule' : 'Spam Complaint',
          created: at.toISOString(),
          updated: at.toISOString(),
          non_transactional: true,
        })),
        links:
          first + size < found.length ? [{ href: `/api/v1/suppression-list?${next.toString()}`, rel: 'next' }] : [],
        total_count: found.length,
      });
    },
  },
  {
    kind: 'ses',
    path: '/v2/email/suppression/addresses',
    answer: (all, { url, headers }) => {
      if (!/^AWS4-HMAC-SHA256 /.test(headers.authorization ?? '')) {
        return denied({ message: 'Missing Authentication Token' });
      }
      const size = numberOf(url, 'PageSize', 1_000);
      const first = numberOf(url, 'NextToken', 0);
      return jsonAnswer(200, {
        SuppressedDestinationSummaries: paged(all, first, size).map(({ email, reason, at }) => ({
          EmailAddress: email,
          Reason: reason === 'bounce' ? 'BOUNCE' : 'COMPLAINT',
          LastUpdateTime: at.getTime() / 1_000,
        })),
        ...(first + size < all.length ? { NextToken: String(first + size) } : {}),
      });
    },
  },
];
