import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits until the condition holds and answers what it found: anything but `undefined` and `false`. A throw counts as
 * not yet. Past the deadline it throws, telling what was awaited and what the last try said.
 */
export const waitFor = async <T>(
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  { deadlineMs = 10_000, what }: { readonly deadlineMs?: number; readonly what: string },
): Promise<T> => {
  const deadline = Date.now() + deadlineMs;
  let lastFault = '';
  for (;;) {
    try {
      const found = await condition();
      if (found !== undefined && found !== false) return found;
      lastFault = '';
    } catch (error) {
      lastFault = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    if (Date.now() >= deadline) throw new Error(`not within ${deadlineMs} ms: ${what}${lastFault}`);
    await pause(20);
  }
};
