import type { FastifyReply } from 'fastify';
import type { DeliveryEvent } from '../../../../shared/contracts/delivery.ts';
import { addSuppressions } from '../../../../shared/db/suppressions.ts';
import { parseAddress } from '../../../../shared/domain/email-address.ts';
import { publicMessageId } from '../../../../shared/domain/request-ids.ts';
import { readUnsubscribeToken, type UnsubscribeClaim } from '../../../../shared/domain/unsubscribe-link.ts';
import { FleetError } from '../../../../shared/errors.ts';
import { open } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import type { RouteApp } from '../route-app.ts';
import { askingPage, badFormPage, badLinkPage, donePage } from '../unsubscribe-page.ts';

const formBytes = 16_384;
const policy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const answerPage = (reply: FastifyReply, status: number, html: string): FastifyReply =>
  reply
    .status(status)
    .headers({ 'content-security-policy': policy, 'cache-control': 'no-store', 'x-robots-tag': 'noindex' })
    .type('text/html; charset=utf-8')
    .send(html);

/** Whether a body says what RFC 8058 has mail programs say, in either form of it; our own page says the same. */
const isOneClick = (body: unknown): boolean => {
  if (typeof body !== 'string') return false;
  if (new URLSearchParams(body.trim()).get('List-Unsubscribe') === 'One-Click') return true;
  return /name="?List-Unsubscribe"?[^]{0,200}?\r?\n\r?\nOne-Click\s/i.test(body);
};

const eventOf = ({ accountId, email, list, messageId }: UnsubscribeClaim, now: Date): DeliveryEvent => ({
  domain: parseAddress(email)?.domain ?? 'unknown.invalid',
  type: 'unsubscribed',
  id: `unsubscribe:${messageId}`,
  at: now.toISOString(),
  messageId: publicMessageId(messageId),
  recipient: email,
  unsubscribe: { accountId, list },
});

/**
 * `/u/<token>`, the links of our mail: GET asks and changes nothing, POST unsubscribes, however often it comes. The event goes the
 * way of all events and suppresses when it is counted; the row is written here as well, so that mail which is already
 * queued is held at once. One of the two is enough for a 200: nobody is asked to unsubscribe again.
 */
export const unsubscribeRoutes = (app: RouteApp, { publisher, pool, topics, unsubscribeKey }: IngressContext): void => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });
  const claimOf = (token: string): UnsubscribeClaim | undefined =>
    unsubscribeKey === undefined ? undefined : readUnsubscribeToken(unsubscribeKey, token);

  const store = async (claim: UnsubscribeClaim): Promise<void> => {
    const row = { ...claim, reason: 'unsubscribe' as const, scope: 'list' as const };
    const event = eventOf(claim, new Date());
    const results = await Promise.allSettled([
      publisher.publish(
        [{ topic: topics.delivery.name, key: publicMessageId(claim.messageId), value: JSON.stringify(event) }],
        'urgent',
      ),
      addSuppressions(pool, [row]),
    ]);
    const faults = results.flatMap((result): Error[] => {
      if (result.status === 'fulfilled') return [];
      return [result.reason instanceof Error ? result.reason : new Error(String(result.reason))];
    });
    const unexpected = faults.find((fault) => !(fault instanceof FleetError && fault.retryable));
    if (unexpected !== undefined) throw unexpected;
    const [fault] = faults;
    if (fault !== undefined && faults.length === results.length) throw fault;
  };

  app.get<{ Params: { token: string } }>('/u/:token', { config: open, schema: { hide: true } }, (request, reply) => {
    const claim = claimOf(request.params.token);
    return claim === undefined
      ? answerPage(reply, 400, badLinkPage())
      : answerPage(reply, 200, askingPage(claim.email, claim.list));
  });

  app.post<{ Params: { token: string } }>(
    '/u/:token',
    { config: open, bodyLimit: formBytes, schema: { hide: true } },
    async (request, reply) => {
      const claim = claimOf(request.params.token);
      if (claim === undefined) return answerPage(reply, 400, badLinkPage());
      if (!isOneClick(request.body)) return answerPage(reply, 400, badFormPage());
      await store(claim);
      return answerPage(reply, 200, donePage(claim.email, claim.list));
    },
  );
};
