import { LRUCache } from 'lru-cache';
import type { DomainVerdict } from '../../shared/contracts/verdict.ts';

export interface VerdictCache {
  /** The verdict of a domain in normal form, from memory or from Postgres. */
  readonly verdictOf: (domain: string) => Promise<DomainVerdict>;
  /** A notice: these verdicts have changed, a line each; empty or undefined, any may have. */
  readonly forget: (names: string | undefined) => void;
  /** Whether changes are heard of; while they are not, nothing is kept. */
  readonly listening: (isListening: boolean) => void;
}

export interface VerdictCacheDeps {
  readonly load: (domain: string) => Promise<DomainVerdict>;
  readonly isOn: boolean;
  readonly ttlMs: number;
  readonly onLookUp: (from: 'cache' | 'postgres') => void;
}

const maxDomains = 100_000;

/**
 * Keeps verdicts, never counters: those change with every event, verdicts seldom and with a notice. A look-up that was under
 * way when its domain's notice came is answered and not kept, since it may have read the old row.
 */
export const createVerdictCache = ({ load, isOn, ttlMs, onLookUp }: VerdictCacheDeps): VerdictCache => {
  const known = new LRUCache<string, DomainVerdict>({ max: maxDomains, ttl: ttlMs });
  const underWay = new Map<string, Promise<DomainVerdict>>();
  let isListening = false;

  const lookUp = async (domain: string): Promise<DomainVerdict> => {
    const asked = load(domain);
    underWay.set(domain, asked);
    try {
      const verdict = await asked;
      if (isListening && underWay.get(domain) === asked) known.set(domain, verdict);
      return verdict;
    } finally {
      if (underWay.get(domain) === asked) underWay.delete(domain);
    }
  };
  const forgetAll = (): void => {
    known.clear();
    underWay.clear();
  };

  return {
    verdictOf: async (domain) => {
      const verdict = known.get(domain);
      if (verdict !== undefined) {
        onLookUp('cache');
        return verdict;
      }
      onLookUp('postgres');
      return isOn ? (underWay.get(domain) ?? lookUp(domain)) : load(domain);
    },
    forget: (names) => {
      if (names === undefined || names === '') forgetAll();
      else {
        for (const name of names.split('\n')) {
          known.delete(name);
          underWay.delete(name);
        }
      }
    },
    listening: (is) => {
      isListening = is;
      forgetAll();
    },
  };
};
