import { isDeadTopic, topicsOf, type TopicNames } from '../contracts/topics.ts';
import { kafkaClient } from './kafka.ts';
import type { Logger } from './log.ts';

const dayMs = 86_400_000;
const maxRecordBytes = 2_097_152;
// A dead letter is its record and why it is dead, and perhaps less well compressed.
const maxDeadLetterBytes = 4_194_304;

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
      waitForLeaders: true,
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
    return { created: missing.map((topic) => topic.name) };
  } finally {
    await admin.disconnect();
  }
};
