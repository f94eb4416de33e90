import type { TemplateTexts } from '../contracts/templates-api.ts';
import { chooseLanguage } from '../domain/choose-language.ts';
import type { Database, Pool } from './connect.ts';

/** What a version of a template holds. */
export interface VersionContent {
  readonly defaultLanguage: string;
  readonly languages: Readonly<Record<string, TemplateTexts>>;
}

export interface TemplateHead {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface StoredTemplate extends TemplateHead, VersionContent {}

/** The texts of one language of one version. */
export interface ChosenTexts extends TemplateTexts {
  readonly version: number;
  readonly language: string;
}

interface HeadRow {
  id: string;
  name: string;
  version: number;
  created_at: Date;
  updated_at: Date;
}
interface VersionRow {
  version: number;
  default_language: string;
  texts: Record<string, TemplateTexts>;
}

const headOf = (row: HeadRow): TemplateHead => ({
  id: row.id,
  name: row.name,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** The texts that are sent when `asked` is the language; undefined where a version lacks its own default language. */
export const textsIn = (
  { defaultLanguage, languages }: VersionContent,
  version: number,
  asked: string | undefined,
): ChosenTexts | undefined => {
  const language = chooseLanguage(Object.keys(languages), asked, defaultLanguage);
  const texts = languages[language];
  return texts === undefined ? undefined : { ...texts, version, language };
};

/** Names one template, or one version of it. */
export interface TemplateName {
  readonly accountId: string;
  readonly id: string;
}

/** The versions that new requests use, in the order of the names; undefined for one that is not there. One statement. */
export const currentVersions = async (
  db: Database,
  names: readonly TemplateName[],
): Promise<readonly (number | undefined)[]> => {
  if (names.length === 0) return [];
  const { rows } = await db.query<{ n: string; version: number }>(
    `select q.n, t.version from unnest($1::text[], $2::text[]) with ordinality as q(account_id, id, n)
     join templates t using (account_id, id) where t.deleted_at is null`,
    [names.map(({ accountId }) => accountId), names.map(({ id }) => id)],
  );
  const versions = new Map(rows.map((row) => [Number(row.n) - 1, row.version]));
  return names.map((_, index) => versions.get(index));
};

/** Versions with their texts, in the order asked; also those of templates that were deleted since. One statement. */
export const loadVersions = async (
  db: Database,
  asked: readonly (TemplateName & { readonly version: number })[],
): Promise<readonly (VersionContent | undefined)[]> => {
  if (asked.length === 0) return [];
  const { rows } = await db.query<VersionRow & { n: string }>(
    `select q.n, v.version, v.default_language, v.texts
     from unnest($1::text[], $2::text[], $3::int[]) with ordinality as q(account_id, template_id, version, n)
     join template_versions v using (account_id, template_id, version)`,
    [asked.map(({ accountId }) => accountId), asked.map(({ id }) => id), asked.map(({ version }) => version)],
  );
  const found = new Map(
    rows.map((row) => [Number(row.n) - 1, { defaultLanguage: row.default_language, languages: row.texts }]),
  );
  return asked.map((_, index) => found.get(index));
};

/**
 * The texts of a template of this account as they are sent now, in the language or what stands for it (`fr-CA`, `fr`, the
 * template's own default). Undefined when there is no such template.
 */
export const loadTemplate = async (
  db: Database,
  accountId: string,
  id: string,
  language?: string,
): Promise<ChosenTexts | undefined> => {
  const [version] = await currentVersions(db, [{ accountId, id }]);
  if (version === undefined) return undefined;
  const [content] = await loadVersions(db, [{ accountId, id, version }]);
  return content === undefined ? undefined : textsIn(content, version, language);
};

/** A template with the texts of one version, the newest where none is named; undefined when there is none. */
export const readTemplate = async (
  db: Database,
  accountId: string,
  id: string,
  version?: number,
): Promise<StoredTemplate | undefined> => {
  const { rows } = await db.query<HeadRow & VersionRow>(
    `select t.id, t.name, t.created_at, t.updated_at, v.version, v.default_language, v.texts
     from templates t join template_versions v on v.account_id = t.account_id and v.template_id = t.id
     where t.account_id = $1 and t.id = $2 and t.deleted_at is null and v.version = coalesce($3, t.version)`,
    [accountId, id, version ?? null],
  );
  const [row] = rows;
  return row === undefined
    ? undefined
    : { ...headOf(row), defaultLanguage: row.default_language, languages: row.texts };
};

/** An account's templates by id, after the id `after`; one more than `limit`, where there are more. */
export const listTemplates = async (
  db: Database,
  accountId: string,
  after: string | undefined,
  limit: number,
): Promise<TemplateHead[]> => {
  const { rows } = await db.query<HeadRow>(
    `select id, name, version, created_at, updated_at from templates
     where account_id = $1 and deleted_at is null and ($2::text is null or id > $2) order by id limit $3`,
    [accountId, after ?? null, limit + 1],
  );
  return rows.map(headOf);
};

/** Versions of a template below the number `after`, newest first; one more than `limit`, where there are more. */
export const listVersions = async (
  db: Database,
  accountId: string,
  id: string,
  after: number | undefined,
  limit: number,
): Promise<{ version: number; defaultLanguage: string; languages: string[]; createdAt: Date }[]> => {
  const { rows } = await db.query<{
    version: number;
    default_language: string;
    languages: string[];
    created_at: Date;
  }>(
    `select v.version, v.default_language, array(select jsonb_object_keys(v.texts) order by 1) as languages, v.created_at
     from template_versions v join templates t on t.account_id = v.account_id and t.id = v.template_id
     where v.account_id = $1 and v.template_id = $2 and t.deleted_at is null and ($3::int is null or v.version < $3)
     order by v.version desc limit $4`,
    [accountId, id, after ?? null, limit + 1],
  );
  return rows.map((row) => ({
    version: row.version,
    defaultLanguage: row.default_language,
    languages: row.languages,
    createdAt: row.created_at,
  }));
};

const addVersion = (db: Database, { accountId, id }: TemplateName, version: number, content: VersionContent) =>
  db.query(
    `insert into template_versions (account_id, template_id, version, default_language, texts) values ($1, $2, $3, $4, $5)`,
    [accountId, id, version, content.defaultLanguage, JSON.stringify(content.languages)],
  );

/**
 * Stores a new template; undefined when the account has one with this id. One that was deleted comes back with its next
 * version: a version that mail was made of is never another one.
 */
export const createTemplate = (
  pool: Pool,
  name: TemplateName & { readonly name: string },
  content: VersionContent,
): Promise<StoredTemplate | undefined> =>
  pool.transaction(async (db) => {
    const { rows } = await db.query<HeadRow>(
      `insert into templates as t (account_id, id, name, version) values ($1, $2, $3, 1)
       on conflict (account_id, id) do update set version = t.version + 1, name = excluded.name, deleted_at = null,
         created_at = now(), updated_at = now()
       where t.deleted_at is not null
       returning id, name, version, created_at, updated_at`,
      [name.accountId, name.id, name.name],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    await addVersion(db, name, row.version, content);
    return { ...headOf(row), ...content };
  });

/** Stores the next version of a template; undefined when there is no such template. */
export const changeTemplate = (
  pool: Pool,
  name: TemplateName & { readonly name: string | undefined },
  content: VersionContent,
): Promise<StoredTemplate | undefined> =>
  pool.transaction(async (db) => {
    const { rows } = await db.query<HeadRow>(
      `update templates set version = version + 1, name = coalesce($3, name), updated_at = now()
       where account_id = $1 and id = $2 and deleted_at is null
       returning id, name, version, created_at, updated_at`,
      [name.accountId, name.id, name.name ?? null],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    await addVersion(db, name, row.version, content);
    return { ...headOf(row), ...content };
  });

/** Takes a template away from new requests; answers whether there was one. */
export const deleteTemplate = async (db: Database, { accountId, id }: TemplateName): Promise<boolean> => {
  const { rowCount } = await db.query(
    `update templates set deleted_at = now() where account_id = $1 and id = $2 and deleted_at is null`,
    [accountId, id],
  );
  return (rowCount ?? 0) > 0;
};
