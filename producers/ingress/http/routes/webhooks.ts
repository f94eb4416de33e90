import { createHash } from 'node:crypto';
import { z } from 'zod';
import { webhookHeaders } from '../../../../shared/contracts/topics.ts';
import { open } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import type { RouteApp } from '../route-app.ts';

const webhookBodyLimit = 10_485_760;

/**
 * `POST /webhooks/:esp`: verified on the raw bytes by the credential of the account of that name alone, put on the topic
 * of its kind, and 200 only once Kafka has it. Nothing is parsed here and no database is asked, so that a webhook is
 * taken whatever else is down.
 */
export const webhookRoutes = (app: RouteApp, context: IngressContext): void => {
  const refused = context.metrics.counter(
    'webhooks_refused_total',
    'Webhooks that did not prove where they came from.',
    ['esp'],
  );
  // Whatever the media type says, the signature covers the bytes as they came.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });

  const schema = {
    tags: ['webhooks'],
    summary: "An ESP's event webhook",
    description:
      'Takes what the ESP of this name sends, as it sends it, and 401 what does not prove that it comes from there.',
    params: z.object({ esp: z.string().meta({ examples: [...context.webhookAccounts.keys()] }) }),
    response: {
      200: { content: { 'text/plain': { schema: z.string() } } },
      400: problemSchema,
      401: problemSchema,
      404: problemSchema,
      413: problemSchema,
      503: problemSchema,
    },
  };
  const roads = [
    { url: '/webhooks/:esp', operationId: 'receiveWebhook' },
    { url: '/webhook-events/:esp', operationId: 'receiveWebhookEvents' },
  ];
  for (const { url, operationId } of roads) {
    app.post(
      url,
      { config: open, bodyLimit: webhookBodyLimit, schema: { ...schema, operationId } },
      async (request, reply) => {
        const { esp } = request.params;
        const account = context.webhookAccounts.get(esp);
        if (account === undefined) throw notFound('webhook');
        const { kind, verify } = account;
        const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const proof = verify === undefined ? false : await verify({ rawBody, headers: request.headers });
        if (proof === false) {
          refused({ esp });
          // Never 403: Postmark takes it as a wish never to hear of the event again.
          throw new HttpProblem(401, 'Not authenticated');
        }
        if (typeof proof === 'object') return reply.status(200).type('text/plain').send(proof.answer);
        // A key from the content keeps a retried body on one partition.
        const key = createHash('sha1').update(rawBody).digest('base64url');
        const headers = {
          [webhookHeaders.espName]: esp,
          [webhookHeaders.receivedAt]: new Date().toISOString(),
          [webhookHeaders.contentType]: request.headers['content-type'] ?? '',
        };
        await context.publisher.publish([{ topic: context.topics.webhook[kind].name, key, value: rawBody, headers }]);
        return reply.status(200).type('text/plain').send('ok');
      },
    );
  }
};
