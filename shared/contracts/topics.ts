import { z } from 'zod';
import { deliveryRecord, type DeliveryRecord } from './delivery.ts';
import { sendRecord, type SendRecord } from './email.ts';
import { outcomeRecord, type OutcomeRecord } from './outcome.ts';
import { taskRecord, type TaskRecord } from './tasks.ts';
import { verdictRecord, type VerdictRecord } from './verdict.ts';

/** A topic: the only list of them is `topicsOf`; the shell makes them from it, consumers take schema and name from it. */
export interface Topic<T> {
  readonly name: string;
  readonly partitions: number;
  readonly retentionDays: number;
  /** `bytes`: the value stands for itself (a webhook's raw body) and nothing is parsed. */
  readonly format: 'json' | 'bytes';
  readonly schema: z.ZodType<T>;
}

export const sendLanes = ['email-send', 'email-send-bulk', 'email-send-otp'] as const;
export type SendLane = (typeof sendLanes)[number];

export const webhookEsps = ['sendgrid', 'postmark', 'sparkpost', 'socketlabs', 'ses'] as const;
export type WebhookEsp = (typeof webhookEsps)[number];

/** Headers of a record on `webhook-<kind>`. */
export const webhookHeaders = {
  /** The account under whose name the webhook came; absent, the first account of the kind. */
  espName: 'x-esp-name',
  receivedAt: 'x-received-at',
  contentType: 'content-type',
} as const;

export interface TopicNames {
  readonly KAFKA_EMAIL_TOPIC: string;
  readonly KAFKA_DELIVERY_TOPIC: string;
  readonly KAFKA_VERDICT_TOPIC: string;
  readonly KAFKA_OUTCOME_TOPIC: string;
  readonly KAFKA_TASK_TOPIC: string;
  readonly WEBHOOK_TOPIC_SENDGRID: string;
  readonly WEBHOOK_TOPIC_POSTMARK: string;
  readonly WEBHOOK_TOPIC_SPARKPOST: string;
  readonly WEBHOOK_TOPIC_SOCKETLABS: string;
  readonly WEBHOOK_TOPIC_SES: string;
}

export interface Topics {
  readonly send: Readonly<Record<SendLane, Topic<SendRecord>>>;
  readonly webhook: Readonly<Record<WebhookEsp, Topic<Uint8Array>>>;
  readonly delivery: Topic<DeliveryRecord>;
  readonly tasks: Topic<TaskRecord>;
  /** What others read: the fleet only writes it. */
  readonly verdicts: Topic<VerdictRecord>;
  /** What became of messages, for others and for webhooks. */
  readonly outcomes: Topic<OutcomeRecord>;
  /** The `.dead` of every topic that is read. */
  readonly dead: readonly Topic<Uint8Array>[];
  /** All of them. */
  readonly all: readonly Topic<unknown>[];
}

const sendTopic = (name: string): Topic<SendRecord> => ({
  name,
  partitions: 12,
  retentionDays: 7,
  format: 'json',
  schema: sendRecord,
});
const webhookTopic = (name: string): Topic<Uint8Array> => ({
  name,
  partitions: 6,
  retentionDays: 7,
  format: 'bytes',
  schema: z.instanceof(Uint8Array),
});

/**
 * Where records go that can never be handled; dead letters keep the value as it was, whatever it was. The table keeps them
 * longer; what is erased there must not lie on the topic for a month.
 */
export const deadTopic = (name: string): Topic<Uint8Array> => ({
  name: `${name}.dead`,
  partitions: 1,
  retentionDays: 7,
  format: 'bytes',
  schema: z.instanceof(Uint8Array),
});

export const isDeadTopic = (name: string): boolean => name.endsWith('.dead');

/** All topics, under the names that the environment gave them. */
export const topicsOf = (names: TopicNames): Topics => {
  const prefix = names.KAFKA_EMAIL_TOPIC;
  const send = {
    'email-send': sendTopic(prefix),
    'email-send-bulk': sendTopic(`${prefix}-bulk`),
    'email-send-otp': sendTopic(`${prefix}-otp`),
  };
  const webhook = {
    sendgrid: webhookTopic(names.WEBHOOK_TOPIC_SENDGRID),
    postmark: webhookTopic(names.WEBHOOK_TOPIC_POSTMARK),
    sparkpost: webhookTopic(names.WEBHOOK_TOPIC_SPARKPOST),
    socketlabs: webhookTopic(names.WEBHOOK_TOPIC_SOCKETLABS),
    ses: webhookTopic(names.WEBHOOK_TOPIC_SES),
  };
  const delivery: Topic<DeliveryRecord> = {
    name: names.KAFKA_DELIVERY_TOPIC,
    partitions: 12,
    retentionDays: 7,
    format: 'json',
    schema: deliveryRecord,
  };
  const tasks: Topic<TaskRecord> = {
    name: names.KAFKA_TASK_TOPIC,
    partitions: 6,
    retentionDays: 7,
    format: 'json',
    schema: taskRecord,
  };
  const verdicts: Topic<VerdictRecord> = {
    name: names.KAFKA_VERDICT_TOPIC,
    partitions: 12,
    retentionDays: 7,
    format: 'json',
    schema: verdictRecord,
  };
  const outcomes: Topic<OutcomeRecord> = {
    name: names.KAFKA_OUTCOME_TOPIC,
    partitions: 12,
    retentionDays: 7,
    format: 'json',
    schema: outcomeRecord,
  };
  const read = [...Object.values(send), ...Object.values(webhook), delivery, tasks, outcomes];
  const dead = read.map((topic) => deadTopic(topic.name));
  return { send, webhook, delivery, tasks, verdicts, outcomes, dead, all: [...read, verdicts, ...dead] };
};

/**
 * Headers by which a producer numbers its records, so that one it sends again after a lost answer counts once: an id of the
 * process (UUID), and a number that only grows within each key.
 */
export const producerHeaders = { producer: 'x-producer', sequence: 'x-sequence' } as const;

/** Headers of a dead letter (`contract` §5): where it came from, and why it was given up. */
export const deadLetterHeaders = {
  topic: 'x-original-topic',
  partition: 'x-original-partition',
  offset: 'x-original-offset',
  timestamp: 'x-original-timestamp',
  cluster: 'x-original-cluster',
  code: 'x-error-code',
  message: 'x-error-message',
  attempts: 'x-attempts',
  firstFailedAt: 'x-first-failed-at',
  consumer: 'x-consumer',
} as const;
