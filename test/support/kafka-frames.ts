// Kafka's wire protocol as far as a proxy needs it: frames of a length and a body; a request's body begins with its API key
// and version and names a correlation id, which is the first thing in the answer (kafka.apache.org/protocol).

const produceKey = 0;

/** Cuts a stream into whole frames; what is not whole yet waits for the next chunk. */
const frameCutter = (): ((chunk: Buffer) => readonly Buffer[]) => {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const frames: Buffer[] = [];
    while (rest.length >= 4) {
      const end = 4 + rest.readInt32BE(0);
      if (rest.length < end) break;
      frames.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    return frames;
  };
};

/** Follows one connection and tells which answers are those to produce requests. */
export const produceAnswers = () => {
  const cutRequests = frameCutter();
  const cutAnswers = frameCutter();
  const produced = new Set<number>();
  return {
    /** To be told of everything that goes to the broker, before it goes. */
    asked: (chunk: Buffer): void => {
      for (const frame of cutRequests(chunk)) {
        if (frame.length >= 12 && frame.readInt16BE(4) === produceKey) produced.add(frame.readInt32BE(8));
      }
    },
    /** What comes back, frame by frame. */
    answered: (chunk: Buffer): readonly { readonly frame: Buffer; readonly isProduce: boolean }[] =>
      cutAnswers(chunk).map((frame) => ({
        frame,
        isProduce: frame.length >= 8 && produced.delete(frame.readInt32BE(4)),
      })),
  };
};
