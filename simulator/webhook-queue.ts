import type { Settings } from './control.ts';
import type { EmittedLog } from './emitted-log.ts';
import { shuffled, type Random } from './random.ts';
import type { SimulatedEsp, WireEvent } from './simulated-esp.ts';
import { createWebhookPoster } from './webhook-post.ts';

/** The webhooks of one simulated ESP: events wait for their time, are gathered, signed, posted, and posted again. */
export interface WebhookQueue {
  /** Tells the event after its own delay, as often as the settings say. */
  add(event: WireEvent, settings: Settings): void;
  /** Events (each copy counts) that are not yet settled. */
  pending(): number;
  /** Resolves when nothing is pending; after five seconds in any case. */
  settled(): Promise<void>;
  clear(): void;
  close(): void;
}

/** Shared by the copies of an event: the log tells it once. */
interface Telling {
  readonly event: WireEvent;
  isLogged: boolean;
}

interface Post {
  readonly tellings: readonly Telling[];
  readonly round: number;
  readonly firstTriedAt: number;
  readonly tries: number;
}

// Unless the provider's own schedule is asked for: an ingress that is away for some minutes still loses nothing.
const patientDelaysMs = [200, 500, 1_000, 2_000, 5_000];
const giveUpAfterMs = 10 * 60_000;
const connections = 8;
// While nobody answers, one look a while is enough: all posts of a long queue would otherwise fail in a circle.
const pauseMs = 200;
const bucketMs = 20;

export const createWebhookQueue = (options: {
  readonly esp: SimulatedEsp;
  readonly url: string;
  readonly random: Random;
  readonly emitted: EmittedLog;
  readonly settings: () => Settings;
}): WebhookQueue => {
  const { esp, random, emitted } = options;
  const poster = createWebhookPoster(`${options.url.replace(/\/+$/, '')}/${esp.kind}`, connections);
  const timers = new Set<NodeJS.Timeout>();
  let waiting = new Map<number, Telling[]>();
  let ready: Post[] = [];
  let nextReady = 0;
  let underway = 0;
  let pending = 0;
  let pausedUntil = 0;
  let isTicking = false;
  let isPumpArmed = false;
  let isClosed = false;
  // Raised by `clear`: what was under way then must not come back.
  let round = 0;

  const later = (delayMs: number, act: () => void): void => {
    if (isClosed) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, delayMs);
    timers.add(timer);
  };

  const takeReady = (): Post | undefined => {
    const post = ready[nextReady];
    if (post === undefined) return undefined;
    nextReady += 1;
    if (nextReady > 10_000) {
      ready = ready.slice(nextReady);
      nextReady = 0;
    }
    return post;
  };

  const settle = (post: Post, status: number): void => {
    if (post.round !== round) return;
    const verdict = esp.webhook.judge(status);
    const isTooOld = Date.now() - post.firstTriedAt > giveUpAfterMs;
    if (verdict !== 'again' || isTooOld) {
      pending -= post.tellings.length;
      return;
    }
    const { retryFactor } = options.settings();
    const ownMs = esp.webhook.retryDelaysMs[post.tries];
    if (retryFactor > 0 && ownMs === undefined) {
      pending -= post.tellings.length;
      return;
    }
    const patientMs = patientDelaysMs[Math.min(post.tries, patientDelaysMs.length - 1)] ?? pauseMs;
    if (status === 0 || status >= 500) pausedUntil = Date.now() + pauseMs;
    later(retryFactor > 0 && ownMs !== undefined ? ownMs * retryFactor : patientMs, () => {
      if (post.round !== round) return;
      ready.push({ ...post, tries: post.tries + 1 });
      pump();
    });
  };

  const send = async (post: Post): Promise<void> => {
    const now = new Date();
    for (const telling of post.tellings) {
      if (telling.isLogged) continue;
      telling.isLogged = true;
      const { kind: type, bounceClass, message, eventId } = telling.event;
      const { email, messageId, attemptId } = message;
      const line = { at: now.toISOString(), esp: esp.kind, type, bounceClass, email, messageId, attemptId, eventId };
      emitted.add(JSON.stringify(line) + '\n');
    }
    const { headers, body } = esp.webhook.encode(
      post.tellings.map(({ event }) => event),
      now,
    );
    settle(post, await poster.post(headers, body));
  };

  const pump = (): void => {
    const pausedMs = pausedUntil - Date.now();
    if (pausedMs > 0) {
      if (isPumpArmed) return;
      isPumpArmed = true;
      later(pausedMs, () => {
        isPumpArmed = false;
        pump();
      });
      return;
    }
    while (!isClosed && underway < connections) {
      const post = takeReady();
      if (post === undefined) return;
      underway += 1;
      void send(post).then(() => {
        underway -= 1;
        pump();
      });
    }
  };

  const tick = (): void => {
    const nowBucket = Math.floor(Date.now() / bucketMs);
    const due: Telling[] = [];
    for (const [bucket, tellings] of waiting) {
      if (bucket > nowBucket) continue;
      for (const telling of tellings) due.push(telling);
      waiting.delete(bucket);
    }
    const { shuffle, repeatedInBatch } = options.settings();
    const inOrder = (shuffle ? shuffled(due, random) : due).flatMap((telling) => {
      if (repeatedInBatch === 0 || random() >= repeatedInBatch) return [telling];
      pending += 1;
      return [telling, telling];
    });
    const size = esp.webhook.eventsPerPost;
    const firstTriedAt = Date.now();
    for (let start = 0; start < inOrder.length; start += size) {
      ready.push({ tellings: inOrder.slice(start, start + size), round, firstTriedAt, tries: 0 });
    }
    pump();
    isTicking = waiting.size > 0;
    if (isTicking) later(esp.webhook.flushMs, tick);
  };

  return {
    add: (event, settings) => {
      const telling = { event, isLogged: false };
      for (let copy = 0; copy < settings.webhookCopies; copy += 1) {
        // A repeat comes at its own time, and a shuffled event at any time up to its latest.
        const spread = copy === 0 ? 1 : 1 + random();
        const delayMs = event.delayMs * (settings.shuffle ? 2 * random() : spread);
        const bucket = Math.ceil((Date.now() + delayMs) / bucketMs);
        const others = waiting.get(bucket);
        if (others === undefined) waiting.set(bucket, [telling]);
        else others.push(telling);
        pending += 1;
      }
      if (isTicking || waiting.size === 0) return;
      isTicking = true;
      later(Math.min(esp.webhook.flushMs, Math.max(bucketMs, event.delayMs)), tick);
    },
    pending: () => pending,
    settled: () =>
      new Promise((resolve) => {
        const giveUpAt = Date.now() + 5_000;
        const look = (): void => {
          if (pending === 0 || isClosed || Date.now() > giveUpAt) resolve();
          else later(5, look);
        };
        look();
      }),
    clear: () => {
      round += 1;
      waiting = new Map();
      ready = [];
      nextReady = 0;
      pending = 0;
    },
    close: () => {
      isClosed = true;
      for (const timer of timers) clearTimeout(timer);
      poster.close();
    },
  };
};
