// Stored templates for the requests that name one. Which version is current is asked once a batch; a version never changes,
// so its texts are kept.
import { LRUCache } from 'lru-cache';
import type { EmailRecord } from '../../shared/contracts/email.ts';
import type { Database } from '../../shared/db/connect.ts';
import {
  currentVersions,
  loadVersions,
  textsIn,
  type ChosenTexts,
  type VersionContent,
} from '../../shared/db/templates.ts';
import { InvalidMessageError } from '../../shared/errors.ts';

/** Of which account, and what the request says. */
export interface TemplateQuestion {
  readonly accountId: string;
  readonly template: NonNullable<EmailRecord['template']>;
}

/** The texts that a request with this template gets. Throws `InvalidMessageError` `unknown-template`. */
export type ChooseTexts = (asked: TemplateQuestion) => ChosenTexts;

export interface Templates {
  /** Learns what these questions need, in two statements at most and none without questions, and answers them. */
  chooseFor(asked: readonly TemplateQuestion[]): Promise<ChooseTexts>;
  /** The texts that a stored request has. Throws `InvalidMessageError` when the version is not there. */
  stored(
    accountId: string,
    template: { readonly id: string; readonly language: string; readonly version: number },
  ): Promise<ChosenTexts>;
}

const cacheBytes = 64_000_000;
const unknown = (id: string): InvalidMessageError =>
  new InvalidMessageError('unknown-template', `There is no template ${id}.`);

/** Templates on Postgres, through a cache of 64 MB. */
export const templatesOn = (db: Database): Templates => {
  const cache = new LRUCache<string, VersionContent>({ maxSize: cacheBytes });
  type Version = { readonly accountId: string; readonly id: string; readonly version: number };
  const nameOf = ({ accountId, id, version }: Version): string => `${accountId} ${id} ${version}`;

  const learn = async (versions: readonly Version[]): Promise<ReadonlyMap<string, VersionContent>> => {
    const found = new Map<string, VersionContent>();
    const missing = new Map<string, Version>();
    for (const version of versions) {
      const known = cache.get(nameOf(version));
      if (known === undefined) missing.set(nameOf(version), version);
      else found.set(nameOf(version), known);
    }
    const names = [...missing.values()];
    const loaded = await loadVersions(db, names);
    names.forEach((version, index) => {
      const content = loaded[index];
      if (content === undefined) return;
      found.set(nameOf(version), content);
      const size = Math.min(JSON.stringify(content.languages).length + 1, cacheBytes);
      cache.set(nameOf(version), content, { size });
    });
    return found;
  };

  return {
    chooseFor: async (asked) => {
      const names = new Map(
        asked.map(({ accountId, template: { id } }) => [`${accountId} ${id}`, { accountId, id }] as const),
      );
      const current = await currentVersions(db, [...names.values()]);
      const versions = new Map(
        [...names].flatMap(([name, of], index) => {
          const version = current[index];
          return version === undefined ? [] : [[name, { ...of, version }] as const];
        }),
      );
      const contents = await learn([...versions.values()]);
      return ({ accountId, template }) => {
        const version = versions.get(`${accountId} ${template.id}`);
        const content = version === undefined ? undefined : contents.get(nameOf(version));
        const texts = version && content && textsIn(content, version.version, template.language);
        if (texts === undefined) throw unknown(template.id);
        return texts;
      };
    },
    stored: async (accountId, template) => {
      const content = (await learn([{ accountId, ...template }])).get(nameOf({ accountId, ...template }));
      const texts = content && textsIn(content, template.version, template.language);
      if (texts === undefined) throw unknown(template.id);
      return texts;
    },
  };
};
