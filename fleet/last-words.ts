import { z } from 'zod';

const logLine = z.object({
  level: z.string(),
  msg: z.string(),
  err: z.object({ message: z.string() }).optional(),
});

const asLog = (line: string): z.infer<typeof logLine> | undefined => {
  if (!line.startsWith('{')) return undefined;
  try {
    return logLine.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
};

/** Keeps the end of what a process wrote, to say why it ended. */
export const lastWords = (size = 40) => {
  const lines: string[] = [];

  /** The last sentence worth telling: of its log the last fault, else what it threw, without the stack. */
  const text = (): string => {
    const logs = lines.map(asLog).filter((log) => log !== undefined);
    const fault = logs.findLast(({ level }) => level === 'fatal') ?? logs.findLast(({ level }) => level === 'error');
    if (fault !== undefined) return fault.err === undefined ? fault.msg : `${fault.msg}: ${fault.err.message}`;
    const plain = lines.filter((line) => !line.startsWith('{'));
    const thrown = plain.findIndex((line) => /^\S*Error\b.*:/.test(line));
    const told = thrown === -1 ? plain : plain.slice(thrown);
    const stack = told.findIndex((line) => /^\s+at /.test(line));
    const said = (stack === -1 ? told : told.slice(0, stack)).join('\n').trim();
    return said === '' ? (logs.at(-1)?.msg ?? 'it said nothing') : said;
  };

  return {
    hear: (line: string): void => {
      lines.push(line);
      if (lines.length > size) lines.shift();
    },
    text,
  };
};
