import { Readable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { createAcceptedLog } from './accepted-log.ts';
import { createControl, type Control, type Settings } from './control.ts';
import { createEmittedLog } from './emitted-log.ts';
import { drawOutcome } from './outcomes.ts';
import { receivePartly } from './partial-success.ts';
import { simulatedPostmark, type PostmarkOptions } from './postmark.ts';
import { seededRandom, seedOf } from './random.ts';
import { simulatedSendgrid, type SendgridOptions } from './sendgrid.ts';
import type { SimulatedEsp, TakenMessage, WireAnswer } from './simulated-esp.ts';
import { simulatedSocketlabs, type SocketlabsOptions } from './socketlabs.ts';
import { simulatedSes, type SesOptions } from './ses.ts';
import { createSmtpStation, smtpRelay, type SmtpOptions, type SmtpStation } from './smtp.ts';
import { simulatedSparkpost, type SparkpostOptions } from './sparkpost.ts';
import { suppressionRoutes, type Suppressed } from './suppression-lists.ts';
import { createWebhookQueue, type WebhookQueue } from './webhook-queue.ts';

export interface SimulatorOptions {
  /** Where webhooks go; the ESP's name is added as a path. */
  readonly webhookUrl: string;
  readonly seed: number;
  readonly sendgrid: SendgridOptions;
  readonly postmark: PostmarkOptions;
  readonly sparkpost: SparkpostOptions;
  readonly socketlabs: SocketlabsOptions;
  readonly ses: SesOptions;
  readonly smtp: SmtpOptions;
}

export interface Simulator {
  readonly app: FastifyInstance;
  /** Listens; port 0 takes any. Answers the address, without a slash at its end. */
  listen(host: string, port: number): Promise<string>;
  /** The relay: it has ports of its own. */
  readonly smtp: SmtpStation;
  close(): Promise<void>;
}

interface Station {
  readonly esp: SimulatedEsp;
  readonly control: Control;
  readonly webhooks: WebhookQueue;
  /** Calls of its API, whatever became of them. */
  calls: number;
  accepted: number;
  /** Whom the provider keeps mail from by now. */
  suppressed: Suppressed[];
}

// Above the largest limit of a provider: each refuses by itself and in its own words.
const bodyLimit = 64 * 1024 * 1024;

/** Headers and the first half at once, the rest after `slowBodyMs`. */
async function* slowly(body: string, slowBodyMs: number): AsyncGenerator<string> {
  const half = Math.floor(body.length / 2);
  if (half > 0) yield body.slice(0, half);
  await pause(slowBodyMs);
  yield body.slice(half);
}

const sendAnswer = (reply: FastifyReply, { status, headers, body }: WireAnswer, slowBodyMs = 0): FastifyReply =>
  reply
    .code(status)
    .headers(headers)
    .send(slowBodyMs > 0 ? Readable.from(slowly(body, slowBodyMs)) : body);

const throttledFor = (answer: WireAnswer, { retryAfterSeconds }: Settings): WireAnswer =>
  retryAfterSeconds === 0
    ? answer
    : { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfterSeconds) } };

const bodyOf = (request: FastifyRequest): Buffer => (Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The ESPs as a server: their APIs, the controls of their behaviour, and the logs of what they took and told. */
export const createSimulator = (options: SimulatorOptions): Simulator => {
  const random = seededRandom(options.seed);
  const acceptedLog = createAcceptedLog();
  const emittedLog = createEmittedLog();
  const station = (esp: SimulatedEsp): Station => {
    const control = createControl(esp.defaults);
    const webhooks = createWebhookQueue({
      esp,
      url: options.webhookUrl,
      random,
      emitted: emittedLog,
      settings: () => control.read(),
    });
    return { esp, control, webhooks, calls: 0, accepted: 0, suppressed: [] };
  };
  const stations = [
    station(simulatedSendgrid(options.sendgrid)),
    station(simulatedPostmark(options.postmark)),
    station(simulatedSparkpost(options.sparkpost)),
    station(simulatedSocketlabs(options.socketlabs)),
    station(simulatedSes(options.ses)),
  ];
  const relay = { control: createControl(smtpRelay.defaults), accepted: 0 };
  const smtp = createSmtpStation(options.smtp, {
    settings: () => relay.control.read(),
    random,
    accept: (body) => {
      acceptedLog.add({ at: new Date(), esp: smtpRelay, providerIds: [], body });
      relay.accepted += 1;
    },
  });
  const controls: ReadonlyMap<string, Control> = new Map([
    ...stations.map(({ esp, control }) => [esp.kind, control] as const),
    [smtpRelay.kind, relay.control],
  ]);
  let anonymous = 0;

  const decideFate = ({ esp, control, webhooks, suppressed }: Station, message: TakenMessage): void => {
    anonymous += message.messageId === null ? 1 : 0;
    const name = `${options.seed}|${esp.kind}|${message.messageId ?? anonymous}|${message.attemptId ?? ''}`;
    const settings = control.read();
    drawOutcome(settings, message.email, seededRandom(seedOf(name))).forEach((happening, index) => {
      const isGone = happening.kind === 'bounced' && happening.bounceClass !== 'soft';
      if (isGone || happening.kind === 'complained') {
        suppressed.push({ email: message.email, reason: isGone ? 'bounce' : 'complaint', at: new Date() });
      }
      const eventId = `${message.providerMessageId}-${seedOf(`${name}|${index}`).toString(36)}-${index}`;
      const isBare = settings.ownDataLost > 0 && random() < settings.ownDataLost;
      webhooks.add(
        {
          ...happening,
          delayMs: settings.eventsBeforeAnswer ? 0 : happening.delayMs,
          message: isBare ? { ...message, own: {} } : message,
          eventId,
        },
        settings,
      );
    });
  };

  const handle = async (at: Station, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { esp, control } = at;
    const settings = control.read();
    at.calls += 1;
    const resetNow = (): FastifyReply => {
      reply.hijack();
      request.raw.socket.resetAndDestroy();
      return reply;
    };
    if (settings.outage || random() < settings.rate503) return sendAnswer(reply, esp.outage());
    if (random() < settings.rate429) return sendAnswer(reply, throttledFor(esp.throttled(new Date()), settings));
    if (random() < settings.rate500) return sendAnswer(reply, esp.broken());
    if (random() < settings.resetBefore) return resetNow();
    if (settings.errorIn200 > 0 && random() < settings.errorIn200) {
      return sendAnswer(reply, { ...esp.broken(), status: 200 });
    }
    const asked = { path: request.url, headers: request.headers, body: bodyOf(request) };
    const { receipt, body } =
      settings.partialSuccess > 0
        ? receivePartly(esp, asked, settings.partialSuccess, random)
        : { receipt: esp.receive(asked), body: asked.body };
    const { answer, taken, providerIds } = receipt;
    if (taken.length > 0) {
      acceptedLog.add({ at: new Date(), esp, providerIds, body });
      at.accepted += taken.length;
      for (const message of taken) decideFate(at, message);
      if (settings.eventsBeforeAnswer) await at.webhooks.settled();
      if (random() < settings.acceptThenHang) return reply.hijack();
      if (random() < settings.acceptThenReset) return resetNow();
    }
    const latencyMs = settings.latencyMs + random() * settings.jitterMs;
    if (latencyMs >= 1) await pause(latencyMs);
    const isCut = taken.length > 0 && random() < settings.truncated;
    const half = answer.body.slice(0, Math.floor(answer.body.length / 2));
    const isGarbled = settings.malformed > 0 && taken.length > 0 && random() < settings.malformed;
    const said = isGarbled ? '<html>502</html>' : isCut ? half : answer.body;
    return sendAnswer(reply, { ...answer, body: said }, settings.slowBodyMs);
  };

  const app = fastify({ bodyLimit, forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  for (const at of stations) {
    for (const path of at.esp.paths) app.post(`/${at.esp.kind}${path}`, (request, reply) => handle(at, request, reply));
  }

  for (const route of suppressionRoutes) {
    const at = stations.find(({ esp }) => esp.kind === route.kind);
    app.get(`/${route.kind}${route.path}`, (request, reply) =>
      sendAnswer(
        reply,
        at?.control.read().outage === true
          ? at.esp.outage()
          : route.answer(at?.suppressed ?? [], {
              url: new URL(request.url, 'http://simulator'),
              headers: request.headers,
            }),
      ),
    );
  }

  app.get('/control', () => Object.fromEntries([...controls].map(([kind, control]) => [kind, control.read()])));
  app.get<{ Params: { esp: string } }>('/control/:esp', (request, reply) => {
    const control = controls.get(request.params.esp);
    return control === undefined ? reply.code(404).send({ error: 'no such ESP' }) : control.read();
  });
  app.put<{ Params: { esp: string } }>('/control/:esp', (request, reply) => {
    const control = controls.get(request.params.esp);
    if (control === undefined) return reply.code(404).send({ error: 'no such ESP' });
    let body: unknown;
    try {
      body = JSON.parse(bodyOf(request).toString('utf8'));
    } catch {
      return reply.code(400).send({ error: 'the body is not JSON' });
    }
    const error = control.change(body);
    return error === undefined ? control.read() : reply.code(400).send({ error });
  });
  const stream = (reply: FastifyReply, lines: AsyncGenerator<string>): FastifyReply =>
    reply.type('application/x-ndjson').send(Readable.from(lines));
  app.get('/accepted', (_request, reply) => stream(reply, acceptedLog.lines()));
  app.get('/emitted', (_request, reply) => stream(reply, emittedLog.lines()));
  app.get('/counts', () =>
    Object.fromEntries([
      ...stations.map(({ esp, calls, accepted, webhooks }) => [
        esp.kind,
        { calls, accepted, pendingWebhooks: webhooks.pending() },
      ]),
      [
        smtpRelay.kind,
        { calls: smtp.transactions(), accepted: relay.accepted, pendingWebhooks: 0, connections: smtp.connections() },
      ],
    ]),
  );
  app.post('/reset', (_request, reply) => {
    for (const at of stations) {
      at.control.reset();
      at.esp.reset?.();
      at.webhooks.clear();
      at.calls = 0;
      at.suppressed = [];
      at.accepted = 0;
    }
    relay.control.reset();
    relay.accepted = 0;
    smtp.resetCounts();
    acceptedLog.clear();
    emittedLog.clear();
    return reply.code(204).send();
  });
  app.get('/health/live', () => ({ live: true }));

  return {
    app,
    smtp,
    listen: async (host, port) => {
      await smtp.listen(host);
      return app.listen({ host, port });
    },
    close: async () => {
      for (const { webhooks } of stations) webhooks.close();
      await Promise.all([app.close(), smtp.close()]);
    },
  };
};
