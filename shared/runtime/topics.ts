import type { Admin } from 'kafkajs';
import { isDeadTopic, topicsOf, type TopicNames } from '../contracts/topics.ts';
import { InfrastructureError } from '../errors.ts';
import { kafkaClient } from './kafka.ts';
import type { Logger } from './log.ts';

const dayMs = 86_400_000;
const maxRecordBytes = 2_097_152;
// A dead letter is its record and why it is dead, and perhaps less well compressed.
const maxDeadLetterBytes = 4_194_304;

const notYet = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);
const ledWithinMs = 30_000;
const lookEveryMs = 100;

/** Waits until every partition has a leader. Throws what Kafka says when that takes longer than half a minute. */
const untilLed = async (admin: Admin, names: readonly string[]): Promise<void> => {
  const giveUpAt = performance.now() + ledWithinMs;
  for (;;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
      if (topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)))
        return;
      if (performance.now() > giveUpAt) throw new InfrastructureError('kafka-away', 'New topics have no leader yet.');
    } catch (error) {
      const type = typeof error === 'object' && error !== null && 'type' in error ? String(error.type) : '';
      if (!notYet.has(type) || performance.now() > giveUpAt) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
};

/**
 * Makes every topic of the list that is not there yet, with as many replicas as the cluster can hold, three at most.
 * Existing topics stay as they are. Throws when Kafka cannot be reached.
 */
export const ensureTopics = async (
  settings: TopicNames & { readonly KAFKA_BROKERS: readonly string[] },
  log: Logger,
): Promise<{ readonly created: readonly string[] }> => {
  const admin = kafkaClient(settings.KAFKA_BROKERS, 'mailfleet-topics', log).admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const missing = topicsOf(settings).all.filter((topic) => !existing.has(topic.name));
    if (missing.length === 0) return { created: [] };
    const { brokers } = await admin.describeCluster();
    const replicationFactor = Math.min(3, brokers.length);
    await admin.createTopics({
      // The client's own wait gives up when the broker that it asks has not heard of a new topic yet.
      waitForLeaders: false,
      topics: missing.map((topic) => ({
        topic: topic.name,
        numPartitions: topic.partitions,
        replicationFactor,
        configEntries: [
          { name: 'retention.ms', value: String(topic.retentionDays * dayMs) },
          { name: 'min.insync.replicas', value: replicationFactor >= 3 ? '2' : '1' },
          { name: 'max.message.bytes', value: String(isDeadTopic(topic.name) ? maxDeadLetterBytes : maxRecordBytes) },
          { name: 'unclean.leader.election.enable', value: 'false' },
        ],
      })),
    });
    const created = missing.map((topic) => topic.name);
    await untilLed(admin, created);
    return { created };
  } finally {
    await admin.disconnect();
  }
};
