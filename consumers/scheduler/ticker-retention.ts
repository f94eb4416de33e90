// In:  what is older than it has to be, and recipients who are to be erased.
// Out: nothing of them.
// On a second copy: rows are taken with SKIP LOCKED; removing something twice is harmless.
import type { Pool } from '../../shared/db/connect.ts';
import { continueErasure } from '../../shared/db/erase-recipient.ts';
import { dropEventPartitions, purgeBodies, purgeLetters } from '../../shared/db/retention.ts';
import type { BlobStore } from '../../shared/runtime/blob-store.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';

export interface RetentionDeps {
  readonly pool: Pool;
  readonly blobs: BlobStore;
  readonly log: Logger;
  readonly days: { readonly bodies: number; readonly events: number; readonly deadLetters: number };
}

const requestsPerTick = 200;
const lettersPerTick = 1_000;

/** Removes bodies, events and dead letters whose days are over. */
export const retentionTicker = ({ pool, blobs, log, days }: RetentionDeps): Ticker => ({
  name: 'retention',
  everyMs: 600_000,
  tick: async () => {
    const { purged, contentRefs } = await purgeBodies(pool, days.bodies, requestsPerTick);
    for (const contentRef of contentRefs) await blobs.remove(contentRef);
    const letters = await purgeLetters(pool, days.deadLetters, lettersPerTick);
    const partitions = await dropEventPartitions(pool, days.events);
    if (purged + letters + partitions.length > 0) log.info({ purged, letters, partitions }, 'old data was removed');
    return purged >= requestsPerTick || letters >= lettersPerTick;
  },
});

/** Goes on with erasures, one step at a time. */
export const erasureTicker = ({
  pool,
  outcomeTopic,
}: Pick<RetentionDeps, 'pool'> & { readonly outcomeTopic?: string }): Ticker => ({
  name: 'erasures',
  everyMs: 2_000,
  tick: () => continueErasure(pool, outcomeTopic),
});
