import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Pool } from '../../../../shared/db/connect.ts';
import { loadTemplate } from '../../../../shared/db/templates.ts';
import { InfrastructureError } from '../../../../shared/errors.ts';
import { useDatabase } from '../../../shared/db/tables.ts';
import { keysOf, testIngress, withKey, type TestIngress } from './ingress.ts';

const database = useDatabase();
let acme: TestIngress;
let globex: TestIngress;
beforeAll(async () => {
  acme = await testIngress({ pool: database.pool, keys: keysOf('acme') });
  globex = await testIngress({ pool: database.pool, keys: keysOf('globex') });
});
afterAll(() => Promise.all([acme.app.close(), globex.app.close()]));

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
const ask = async (method: Method, path: string, payload?: object, of = acme) => {
  const url = path.startsWith('/') && path.startsWith('/v1') ? path : `/v1/templates${path}`;
  const answer = await of.app.inject({ method, url, headers: withKey, ...(payload === undefined ? {} : { payload }) });
  const body = answer.body === '' ? {} : answer.json<Record<string, unknown>>();
  return { status: answer.statusCode, body };
};
const pointers = ({ body }: { body: Record<string, unknown> }) =>
  (body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer);
const texts = (text: string) => ({
  defaultLanguage: 'en',
  languages: { en: { subject: 'Hi {{ name }}', text }, fr: { subject: 'Salut', html: `<p>{{ name }}</p>` } },
});
const make = (id: string, of = acme) => ask('POST', '', { id, name: 'Welcome', ...texts('one') }, of);

describe('/v1/templates', () => {
  it('keeps every version as it was, and sends the newest', async () => {
    expect((await make('welcome')).status).toBe(201);
    expect((await ask('PUT', '/welcome', texts('two'))).body).toMatchObject({ version: 2, name: 'Welcome' });
    expect((await ask('GET', '/welcome')).body).toMatchObject({ version: 2, languages: texts('two').languages });
    expect((await ask('GET', '/welcome?version=1')).body).toMatchObject({
      version: 1,
      languages: texts('one').languages,
    });
    expect((await ask('GET', '/welcome/versions')).body).toMatchObject({
      data: [
        { version: 2, languages: ['en', 'fr'], defaultLanguage: 'en' },
        { version: 1, languages: ['en', 'fr'], defaultLanguage: 'en' },
      ],
      hasMore: false,
    });
    expect(await loadTemplate(database.pool, 'acme', 'welcome', 'de')).toMatchObject({
      version: 2,
      language: 'en',
      text: 'two',
    });
  });

  it('makes an id where none is given, lists by id in pages, and refuses one that is taken', async () => {
    expect((await ask('POST', '', texts('one'))).body).toMatchObject({ id: expect.stringMatching(/^tpl_/) });
    await make('b');
    await make('a');
    expect((await make('a')).status).toBe(409);
    expect((await ask('GET', '?limit=1')).body).toMatchObject({ data: [{ id: 'a' }], hasMore: true });
    expect((await ask('GET', '?limit=5&after=a')).body).toMatchObject({ data: [{ id: 'b' }, {}], hasMore: false });
  });

  it('deletes for new requests; one of the same id begins with the next version', async () => {
    await make('welcome');
    expect((await ask('DELETE', '/welcome')).status).toBe(204);
    for (const path of ['/welcome', '/welcome/versions']) expect((await ask('GET', path)).status).toBe(404);
    expect((await ask('PUT', '/welcome', texts('two'))).status).toBe(404);
    expect((await ask('DELETE', '/welcome')).status).toBe(404);
    expect((await make('welcome')).body).toMatchObject({ version: 2 });
  });

  it('shows and changes nothing of another account, which may have the same id', async () => {
    await make('welcome');
    for (const [method, path, payload] of [
      ['GET', '/welcome', undefined],
      ['GET', '/welcome/versions', undefined],
      ['PUT', '/welcome', texts('mine')],
      ['DELETE', '/welcome', undefined],
      ['POST', '/welcome/preview', {}],
    ] as const) {
      expect([method, path, (await ask(method, path, payload, globex)).status]).toEqual([method, path, 404]);
    }
    expect((await make('welcome', globex)).status).toBe(201);
    expect((await ask('GET', '/welcome')).body).toMatchObject({ version: 1 });
  });

  it.each([
    [{ ...texts('a'), defaultLanguage: 'de' }, ['/defaultLanguage']],
    [{ ...texts('{{ a | nope }}') }, ['/languages/en/text']],
    [
      { defaultLanguage: 'en', languages: { en: { subject: '{% if a %}', html: '{% include "x" %}' } } },
      ['/languages/en/subject', '/languages/en/html'],
    ],
    [{ defaultLanguage: 'en', languages: { en: { subject: 'a' } } }, ['/languages/en/text']],
    [
      { defaultLanguage: 'en', languages: { en: { subject: 'a', text: 'b' }, EN: { subject: 'a', text: 'b' } } },
      ['/languages/EN'],
    ],
    [
      { defaultLanguage: 'en', languages: { en: { subject: 'a\nBcc: x@y.example', text: 'b' } } },
      ['/languages/en/subject'],
    ],
    [{ ...texts('a'), id: 'a/b' }, ['/id']],
  ])('refuses what cannot be sent, and points at it: %#', async (payload, expected) => {
    const answer = await ask('POST', '', payload);
    expect([answer.status, pointers(answer)]).toEqual([422, expected]);
  });

  it('refuses properties it does not know', async () => {
    expect((await ask('POST', '', { ...texts('a'), version: 7 })).status).toBe(400);
  });
});

describe('A preview', () => {
  it('shows subject, text and html in the nearest language, values escaped where they must be', async () => {
    await make('welcome');
    const data = { name: '<Ann>' };
    expect(await ask('POST', '/welcome/preview', { language: 'fr-CA', data })).toEqual({
      status: 200,
      body: { version: 1, language: 'fr', subject: 'Salut', text: '<Ann>', html: '<p>&lt;Ann&gt;</p>' },
    });
    expect((await ask('POST', '/welcome/preview')).body).toMatchObject({ language: 'en', subject: 'Hi', text: 'one' });
  });

  it('says which variable is missing, where that is asked', async () => {
    await make('welcome');
    const answer = await ask('POST', '/welcome/preview', { strictVariables: true });
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body)).toContain('name');
  });
});

describe('A request with a template', () => {
  const request = (more: object = {}) => ({
    ...{ from: 'news@acme.example', template: { id: 'welcome' }, recipients: [{ email: 'ann@example.org' }] },
    ...more,
  });
  const admin = (pool: Pool = database.pool) => testIngress({ pool });

  it('is taken where the template is there, and refused where it is not', async () => {
    const ingress = await admin();
    expect((await ask('POST', '/v1/emails', request(), ingress)).status).toBe(404);
    await make('welcome');
    const foreign = await ask('POST', '/v1/emails', request(), ingress);
    expect([foreign.status, pointers(foreign)]).toEqual([404, ['/template/id']]);
    await make('welcome', ingress);
    expect((await ask('POST', '/v1/emails', request(), ingress)).status).toBe(202);
    expect(JSON.parse(String(ingress.published[0]?.value))).toMatchObject({ template: { id: 'welcome' } });
    const strict = await ask('POST', '/v1/emails', request({ strictVariables: true }), ingress);
    expect([strict.status, pointers(strict)]).toEqual([422, ['/recipients/0/substitutions']]);
    await ingress.app.close();
  });

  it('is taken while Postgres is away: the consumer tells then whether it is there', async () => {
    const away = () => Promise.reject(new InfrastructureError('postgres-away', 'away'));
    const ingress = await admin({ query: away, transaction: away, end: away });
    expect((await ask('POST', '/v1/emails', request(), ingress)).status).toBe(202);
    await ingress.app.close();
  });

  it('may name a list only where links can be signed', async () => {
    const news = request({ template: undefined, text: 'Hi', unsubscribe: { list: 'news' } });
    const [signing, not] = [await admin(), await testIngress({ pool: database.pool, unsubscribeKey: undefined })];
    expect((await ask('POST', '/v1/emails', news, signing)).status).toBe(202);
    const refused = await ask('POST', '/v1/emails', news, not);
    expect([refused.status, pointers(refused)]).toEqual([422, ['/unsubscribe']]);
    await Promise.all([signing.app.close(), not.app.close()]);
  });
});
