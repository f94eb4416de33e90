import { z } from 'zod';
import {
  newTemplate,
  previewAnswer,
  previewQuestion,
  templateAnswer,
  templateChange,
  templateId,
  templateListAnswer,
  templateVersionsAnswer,
  type TemplateContent,
} from '../../../../shared/contracts/templates-api.ts';
import {
  changeTemplate,
  createTemplate,
  deleteTemplate,
  listTemplates,
  listVersions,
  readTemplate,
  textsIn,
  type StoredTemplate,
  type TemplateHead,
} from '../../../../shared/db/templates.ts';
import { InvalidMessageError } from '../../../../shared/errors.ts';
import { tokenReplacer } from '../../../../shared/esp/replace-tokens.ts';
import { compileContent } from '../../../../shared/render/compile-content.ts';
import { templateFaults } from '../../check-template.ts';
import { callerOf, needs } from '../access.ts';
import type { IngressContext } from '../ingress-context.ts';
import { HttpProblem, notFound, problemSchema } from '../problem.ts';
import { allowEmptyBody } from '../read-json.ts';
import { withKey, type RouteApp } from '../route-app.ts';

const tags = ['templates'];
const faults = { 400: problemSchema, 404: problemSchema, 422: problemSchema };
const params = z.object({ id: templateId });
const versionNumber = z.coerce.number().int().min(1).max(2_147_483_647);
const limit = z.coerce.number().int().min(1).max(1_000).default(100);

const headOf = ({ id, name, version, createdAt, updatedAt }: TemplateHead) => ({
  ...{ id, name, version },
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});
const shown = (template: StoredTemplate) => ({
  ...headOf(template),
  defaultLanguage: template.defaultLanguage,
  languages: { ...template.languages },
});

const refuse = (errors: { pointer: string; detail: string }[]): never => {
  throw new HttpProblem(422, 'The request cannot be processed', { errors: errors.slice(0, 100) });
};
const check = (content: TemplateContent): TemplateContent => {
  const found = templateFaults(content);
  return found.length === 0 ? content : refuse(found);
};

/** What stands for the link that each message has, in a preview. */
const sampleLink = 'https://unsubscribe.invalid/u/sample';

/** `/v1/templates`: texts that requests use by id. Every change makes a version, and a version never changes. */
export const templateRoutes = (app: RouteApp, { pool, newId }: IngressContext): void => {
  allowEmptyBody(app);

  app.get(
    '/v1/templates',
    {
      config: needs('read'),
      schema: {
        tags,
        operationId: 'listTemplates',
        summary: 'The templates of the account, by id',
        security: withKey,
        querystring: z.strictObject({ limit, after: templateId.optional() }),
        response: { 200: templateListAnswer, ...faults },
      },
    },
    async (request) => {
      const { limit: most, after } = request.query;
      const found = await listTemplates(pool, callerOf(request).accountId, after, most);
      return { data: found.slice(0, most).map(headOf), hasMore: found.length > most };
    },
  );

  app.post(
    '/v1/templates',
    {
      config: needs('admin'),
      schema: {
        tags,
        operationId: 'createTemplate',
        summary: 'Store a template; its id is yours to choose',
        security: withKey,
        body: newTemplate,
        response: { 201: templateAnswer, ...faults, 409: problemSchema },
      },
    },
    async (request, reply) => {
      const { accountId } = callerOf(request);
      const { defaultLanguage, languages } = check(request.body);
      const id = request.body.id ?? newId('tpl_');
      const made = { accountId, id, name: request.body.name ?? id };
      const stored = await createTemplate(pool, made, { defaultLanguage, languages });
      if (stored === undefined) {
        throw new HttpProblem(409, 'Already there', {
          errors: [{ pointer: '/id', detail: 'is taken: PUT changes it' }],
        });
      }
      return reply.status(201).header('location', `/v1/templates/${id}`).send(shown(stored));
    },
  );

  app.get(
    '/v1/templates/:id',
    {
      config: needs('read'),
      schema: {
        tags,
        operationId: 'getTemplate',
        summary: 'A template with the texts of one version, the newest where none is named',
        security: withKey,
        params,
        querystring: z.strictObject({ version: versionNumber.optional() }),
        response: { 200: templateAnswer, ...faults },
      },
    },
    async (request) => {
      const found = await readTemplate(pool, callerOf(request).accountId, request.params.id, request.query.version);
      if (found === undefined) throw notFound('template');
      return shown(found);
    },
  );

  app.put(
    '/v1/templates/:id',
    {
      config: needs('admin'),
      schema: {
        tags,
        operationId: 'changeTemplate',
        summary: 'Store the next version of a template; requests use it from now on',
        security: withKey,
        params,
        body: templateChange,
        response: { 200: templateAnswer, ...faults },
      },
    },
    async (request) => {
      const { accountId } = callerOf(request);
      const { name, defaultLanguage, languages } = check(request.body);
      const changed = { accountId, id: request.params.id, name };
      const stored = await changeTemplate(pool, changed, { defaultLanguage, languages });
      if (stored === undefined) throw notFound('template');
      return shown(stored);
    },
  );

  app.delete(
    '/v1/templates/:id',
    {
      config: needs('admin'),
      schema: {
        tags,
        operationId: 'deleteTemplate',
        summary: 'Take a template away from new requests',
        description: 'Requests that were stored keep the version they met.',
        security: withKey,
        params,
        response: { 204: z.null(), ...faults },
      },
    },
    async (request, reply) => {
      const { accountId } = callerOf(request);
      if (!(await deleteTemplate(pool, { accountId, id: request.params.id }))) throw notFound('template');
      return reply.status(204).send(null);
    },
  );

  app.get(
    '/v1/templates/:id/versions',
    {
      config: needs('read'),
      schema: {
        tags,
        operationId: 'listTemplateVersions',
        summary: 'The versions of a template, newest first',
        security: withKey,
        params,
        querystring: z.strictObject({ limit, after: versionNumber.optional() }),
        response: { 200: templateVersionsAnswer, ...faults },
      },
    },
    async (request) => {
      const { limit: most, after } = request.query;
      const found = await listVersions(pool, callerOf(request).accountId, request.params.id, after, most);
      if (found.length === 0 && after === undefined) throw notFound('template');
      return {
        data: found.slice(0, most).map((version) => ({ ...version, createdAt: version.createdAt.toISOString() })),
        hasMore: found.length > most,
      };
    },
  );

  app.post(
    '/v1/templates/:id/preview',
    {
      config: needs('read'),
      schema: {
        tags,
        operationId: 'previewTemplate',
        summary: 'What a template comes out as with sample data; nothing is sent',
        security: withKey,
        params,
        body: previewQuestion,
        response: { 200: previewAnswer, ...faults },
      },
    },
    async (request) => {
      const { language, version, data, strictVariables = false } = request.body;
      const found = await readTemplate(pool, callerOf(request).accountId, request.params.id, version);
      const texts = found && textsIn(found, found.version, language);
      if (texts === undefined) throw notFound(version === undefined ? 'template' : 'version of the template');
      try {
        const compiled = compileContent(texts, { strictVariables });
        const values = compiled.valuesFor({ unsubscribeUrl: sampleLink, ...data });
        const replace = tokenReplacer(Object.keys(values));
        const ready = (text: string | undefined): string | null => (text === undefined ? null : replace(text, values));
        return {
          version: texts.version,
          language: texts.language,
          subject: ready(compiled.texts.subject) ?? '',
          text: ready(compiled.texts.text),
          html: ready(compiled.texts.html),
        };
      } catch (error) {
        if (!(error instanceof InvalidMessageError)) throw error;
        return refuse([{ pointer: '/data', detail: error.message }]);
      }
    },
  );
};
