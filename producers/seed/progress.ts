import { Presets, SingleBar } from 'cli-progress';

/** Tells on stderr how far a long work is. */
export interface Progress {
  update(done: number): void;
  stop(): void;
}

const plainLineEveryMs = 2_000;
const whole = (count: number): string => Math.round(count).toLocaleString('en');

/** A bar with rate and remaining time on a terminal; elsewhere a plain line now and then. */
export const createProgress = (
  what: string,
  total: number,
  output: NodeJS.WriteStream,
  now: () => number,
): Progress => {
  const startedAt = now();
  const rateOf = (done: number): number => (done * 1_000) / Math.max(1, now() - startedAt);
  const etaOf = (done: number): string => (done === 0 ? '?' : String(Math.ceil((total - done) / rateOf(done))));

  if (output.isTTY) {
    const format = `{bar} {percentage}% | {shown} of ${whole(total)} ${what} | {rate}/s | {left} s left`;
    const bar = new SingleBar({ stream: output, format, hideCursor: true }, Presets.shades_classic);
    bar.start(total, 0, { shown: '0', rate: '0', left: '?' });
    return {
      update: (done) => {
        bar.update(done, { shown: whole(done), rate: whole(rateOf(done)), left: etaOf(done) });
      },
      stop: () => {
        bar.stop();
      },
    };
  }
  let toldAt = startedAt;
  return {
    update: (done) => {
      if (now() - toldAt < plainLineEveryMs) return;
      toldAt = now();
      output.write(`${whole(done)} of ${whole(total)} ${what}, ${whole(rateOf(done))}/s, ${etaOf(done)} s left\n`);
    },
    stop: () => undefined,
  };
};
