import type { z } from 'zod';
import { domainEventLine } from '../../shared/contracts/domains-api.ts';
import { normaliseDomain } from '../../shared/domain/domain-name.ts';
import { sumsOf, type DomainSums } from './domain-sums.ts';
import { createItemSplitter } from './split-items.ts';

/** What is wrong with one line (from 1) or element of a list of events. */
export interface BadLine {
  readonly line: number;
  readonly detail: string;
  /** Not JSON, or a property that nobody knows. */
  readonly isMalformed: boolean;
}

export interface ReadEvents {
  readonly sums: DomainSums;
  /** The first hundred. */
  readonly bad: readonly BadLine[];
  readonly badCount: number;
}

const mostNamed = 100;
const sentence = (message: string, path: readonly PropertyKey[]): string =>
  path.length === 0 ? message : `${path.join('.')}: ${message}`;

type Fault = Omit<BadLine, 'line'>;

// Nearly every line has this form and no other; the schema would take most of the time.
const isPlain = (json: unknown): json is { readonly domain: string; readonly type: 'delivered' | 'bounced' } => {
  if (typeof json !== 'object' || json === null || !('domain' in json) || !('type' in json)) return false;
  for (const name in json) if (name !== 'domain' && name !== 'type') return false;
  return (
    typeof json.domain === 'string' &&
    json.domain.length > 0 &&
    json.domain.length <= 1_000 &&
    (json.type === 'delivered' || json.type === 'bounced')
  );
};

const badDomain: Fault = { detail: 'domain: is not a domain name', isMalformed: false };

/** The event of a line, or what is wrong with it. */
const readEvent = (text: string): { readonly event: z.infer<typeof domainEventLine> } | { readonly fault: Fault } => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { fault: { detail: 'is not JSON', isMalformed: true } };
  }
  if (isPlain(json)) {
    const domain = normaliseDomain(json.domain);
    return domain === undefined ? { fault: badDomain } : { event: { domain, type: json.type } };
  }
  const parsed = domainEventLine.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return {
      fault: {
        detail: issue === undefined ? 'is not valid' : sentence(issue.message, issue.path),
        isMalformed: parsed.error.issues.some(({ code }) => code === 'unrecognized_keys'),
      },
    };
  }
  const domain = normaliseDomain(parsed.data.domain);
  return domain === undefined ? { fault: badDomain } : { event: { ...parsed.data, domain } };
};

/**
 * Reads events as they come in, NDJSON or a JSON array, whatever the chunks: a line is judged and added up, and its text
 * forgotten, before the next is looked at.
 */
export const createEventReader = (): {
  readonly push: (chunk: Buffer) => void;
  readonly end: () => ReadEvents;
} => {
  const sums = sumsOf();
  const bad: BadLine[] = [];
  let badCount = 0;
  const refuse = (fault: BadLine): void => {
    badCount += 1;
    if (bad.length < mostNamed) bad.push(fault);
  };
  const splitter = createItemSplitter({
    onItem: (text, line) => {
      const read = readEvent(text);
      if ('fault' in read) refuse({ line, ...read.fault });
      else if (badCount === 0) sums.add(read.event.domain, read.event.type, read.event.count ?? 1, read.event.id);
    },
    onFault: (detail, line) => {
      refuse({ line, detail, isMalformed: true });
    },
  });
  return {
    push: splitter.push,
    end: () => {
      splitter.end();
      return { sums, bad, badCount };
    },
  };
};
