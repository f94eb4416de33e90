// Content that was too large for a record: fetched once, kept for the records and messages that share it.
import { LRUCache } from 'lru-cache';
import { heavyContent, type HeavyContent } from '../../shared/contracts/email.ts';
import { InvalidMessageError } from '../../shared/errors.ts';
import type { BlobStore } from '../../shared/runtime/blob-store.ts';

export interface HeavyContents {
  /** Throws `InvalidMessageError` when there is no such content, `InfrastructureError` when the store is away. */
  load(key: string): Promise<HeavyContent>;
}

const cacheBytes = 128_000_000;

/** Loads through a cache of 128 MB. */
export const heavyContentsFrom = (blobs: BlobStore): HeavyContents => {
  const cache = new LRUCache<string, HeavyContent>({ maxSize: cacheBytes, ttl: 600_000 });
  return {
    load: async (key) => {
      const known = cache.get(key);
      if (known !== undefined) return known;
      const text = await blobs.get(key);
      if (text === undefined)
        throw new InvalidMessageError('content-missing', 'The content it refers to is not there (any more).');
      const content = heavyContent.parse(JSON.parse(text));
      cache.set(key, content, { size: Math.min(text.length + 1, cacheBytes) });
      return content;
    },
  };
};
