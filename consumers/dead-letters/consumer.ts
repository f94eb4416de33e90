// In:  every `.dead` topic.
// Out: the table that people read and replay from.
// On redelivery: a letter's origin is its key, so it is stored once.
import type { Topic } from '../../shared/contracts/topics.ts';
import type { Pool } from '../../shared/db/connect.ts';
import { storeDeadLetters } from '../../shared/db/dead-letters.ts';
import { defineConsumer } from '../../shared/runtime/define-consumer.ts';
import { done } from '../../shared/runtime/outcome.ts';
import { readDeadLetter } from './read-dead-letter.ts';

/** The consumer that keeps what could not be handled. */
export const deadLetters = ({ topics, pool }: { readonly topics: readonly Topic<Uint8Array>[]; readonly pool: Pool }) =>
  defineConsumer<Uint8Array>({
    name: 'dead-letters',
    topics,
    maxRecords: 500,
    handleBatch: async (records, context) => {
      await storeDeadLetters(
        pool,
        records.map((record) => readDeadLetter(record, context)),
      );
      return records.map(() => done());
    },
  });
