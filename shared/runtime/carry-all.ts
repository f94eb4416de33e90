/**
 * One flush under way at a time, which carries everything that waited: many small callers become few large statements,
 * and a lone caller waits for nobody. `flush` answers one result per item, in order; what it throws, every caller of
 * that flush gets.
 */
export const carryAll = <Item, Result>(
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
  maxItems: number,
): ((items: readonly Item[]) => Promise<readonly Result[]>) => {
  interface Caller {
    readonly items: readonly Item[];
    readonly resolve: (results: readonly Result[]) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Caller[] = [];
  let isRunning = false;

  const take = (): Caller[] => {
    let size = 0;
    let count = 0;
    while (count < waiting.length && (count === 0 || size + (waiting[count]?.items.length ?? 0) <= maxItems)) {
      size += waiting[count]?.items.length ?? 0;
      count += 1;
    }
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return taken;
  };

  const run = async (): Promise<void> => {
    isRunning = true;
    while (waiting.length > 0) {
      const callers = take();
      try {
        const results = await flush(callers.flatMap((caller) => caller.items));
        let start = 0;
        for (const caller of callers) {
          caller.resolve(results.slice(start, start + caller.items.length));
          start += caller.items.length;
        }
      } catch (error) {
        for (const caller of callers) caller.reject(error);
      }
    }
    isRunning = false;
  };

  return (items) =>
    new Promise((resolve, reject) => {
      waiting.push({ items, resolve, reject });
      if (!isRunning) void run();
    });
};
