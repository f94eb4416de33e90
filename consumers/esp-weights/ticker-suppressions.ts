// Reads the ESPs' own suppression lists: whoever bounced, complained or left before this fleet was there, or through another
// system at the same ESP, is not mailed through any of them.
import type { Pool } from '../../shared/db/connect.ts';
import { beginPull, endPull, storePulled } from '../../shared/db/suppression-pulls.ts';
import { FleetError } from '../../shared/errors.ts';
import type { ListSuppressions } from '../../shared/esp/esp.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Ticker } from '../../shared/runtime/run-ticker.ts';

/** Reads each list from where the last reading began. One that fails is told of, and read again the next time. */
export const suppressionsTicker = (
  deps: {
    readonly pool: Pool;
    readonly log: Logger;
    readonly lists: readonly { readonly esp: string; readonly list: ListSuppressions }[];
  },
  everyMs: number,
): Ticker => ({
  name: 'esp-suppressions',
  everyMs,
  tick: async () => {
    const { pool, log } = deps;
    for (const { esp, list } of deps.lists) {
      const { since, now } = await beginPull(pool, esp);
      let added = 0;
      let error: string | undefined;
      try {
        for await (const page of list(since)) added += await storePulled(pool, esp, page);
      } catch (fault) {
        if (fault instanceof FleetError && fault.code !== 'esp-list') throw fault;
        error = fault instanceof FleetError ? fault.message : 'It answered in a form that is not known.';
        log.warn({ esp, why: error }, "an ESP's own suppression list could not be read to its end");
      }
      await endPull(pool, esp, { beganAt: now, added, error });
      if (added > 0) log.info({ esp, added }, "suppressions were taken over from an ESP's own list");
    }
    return false;
  },
});
