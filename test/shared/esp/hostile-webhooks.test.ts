import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { webhookEsps, type WebhookEsp } from '../../../shared/contracts/topics.ts';
import { InvalidMessageError } from '../../../shared/errors.ts';
import { webhookProvider } from '../../../shared/esp/providers.ts';
import { mutated } from '../../hostile/mutate.ts';
import { seededBy } from '../../hostile/part.ts';

const fixtures = (esp: WebhookEsp): unknown[] => {
  const folder = new URL(`../../fixtures/${esp}/`, import.meta.url);
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as unknown);
};
const inSns = (record: unknown) => ({ Type: 'Notification', MessageId: 'x', Message: JSON.stringify(record) });

it.each(webhookEsps)('a webhook of %s with values that nobody expects is read or refused, and nothing else', (esp) => {
  const translate = webhookProvider(esp)?.translate;
  const all = fixtures(esp);
  fc.assert(
    fc.property(fc.nat(), fc.nat(all.length - 1), (seed, place) => {
      const json = mutated(all[place], seededBy(seed));
      const body = Buffer.from(JSON.stringify(esp === 'ses' ? inSns(json) : (json ?? null)));
      try {
        expect(translate?.(body)).toMatchObject({ events: expect.any(Array), rest: expect.any(Array) });
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidMessageError);
      }
    }),
    { numRuns: 2_000 },
  );
});
