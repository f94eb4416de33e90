import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until the answer is `enough`; throws when it does not grow for `patienceMs`. */
export const untilReached = async (
  enough: number,
  ask: () => Promise<number>,
  onGrowth: (value: number) => void = () => undefined,
  { everyMs = 25, patienceMs = 60_000 } = {},
): Promise<void> => {
  let last = -1;
  let grownAt = Date.now();
  for (;;) {
    const value = await ask();
    if (value > last) {
      last = value;
      grownAt = Date.now();
      onGrowth(value);
    }
    if (value >= enough) return;
    if (Date.now() - grownAt > patienceMs) throw new Error(`stuck at ${value} of ${enough}`);
    await sleep(everyMs);
  }
};
