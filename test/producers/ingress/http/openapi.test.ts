import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newAccount, newKey, accountChange } from '../../../../shared/contracts/accounts-api.ts';
import { letterEdit, retryFilter } from '../../../../shared/contracts/dead-letters-api.ts';
import { newSuppressions } from '../../../../shared/contracts/suppressions-api.ts';
import { newWebhook, replayQuestion, webhookChange } from '../../../../shared/contracts/webhooks-api.ts';
import { newTemplate, previewQuestion, templateChange } from '../../../../shared/contracts/templates-api.ts';
import { domainEventList } from '../../../../shared/contracts/domains-api.ts';
import { emailRequest } from '../../../../shared/contracts/email.ts';
import { emailChange } from '../../../../producers/ingress/http/routes/request-orders.ts';
import { codeGuess, newCodeRequest } from '../../../../shared/contracts/otp-api.ts';
import { limitsChange, modeChange, whatIfQuestion } from '../../../../shared/contracts/routing-api.ts';
import { addressText, senderDomainText } from '../../../../shared/contracts/address-text.ts';
import { headerNamePattern, isAllowedHeader } from '../../../../shared/contracts/header-names.ts';
import { newSchedule, scheduleChange } from '../../../../shared/contracts/schedules-api.ts';
import { sendForm } from '../../../../shared/contracts/send-form.ts';
import { signUpRequest, task, taskContent, taskGuess } from '../../../../shared/contracts/tasks.ts';
import { templateLine } from '../../../../shared/contracts/text.ts';
import { parseAddress } from '../../../../shared/domain/email-address.ts';
import { normaliseSenderDomain } from '../../../../shared/domain/sender-domain.ts';
import { testIngress, type TestIngress } from './ingress.ts';

interface Operation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema?: { $ref?: string } }> }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Record<string, unknown>> };
}

let ingress: TestIngress;
let document: Document;
beforeAll(async () => {
  ingress = await testIngress();
  document = (await ingress.app.inject({ method: 'GET', url: '/openapi.json' })).json();
});
afterAll(() => ingress.app.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation })),
  );

describe('The OpenAPI document', () => {
  it('names every operation once, for clients to call it by', () => {
    const names = operations().map(({ operation }) => operation.operationId);
    expect(names.length).toBeGreaterThan(30);
    for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z]+$/);
    expect(new Set(names).size).toBe(names.length);
  });

  it('refers to nothing that it lacks, and holds nothing that is not referred to', () => {
    const text = JSON.stringify(document);
    const references = new Set([...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name));
    expect([...references].sort()).toEqual(Object.keys(document.components.schemas).sort());
  });

  it('tells of every error that it is a problem document, and which may come', () => {
    for (const { route, operation } of operations()) {
      const statuses = Object.keys(operation.responses);
      if (operation.security !== undefined) {
        expect([route, statuses]).toEqual([route, expect.arrayContaining(['400', '401', '403', '422', '429', '503'])]);
      }
      if (operation.requestBody !== undefined)
        expect([route, statuses]).toEqual([route, expect.arrayContaining(['413', '415'])]);
      for (const [status, { content }] of Object.entries(operation.responses)) {
        // Clients of other systems know the errors of those.
        const isForeign = operation.tags?.some((tag) => tag === 'seeds') === true;
        if (status < '400' || route === 'GET /health/ready' || isForeign) continue;
        if (status === '400' && /^\w+ \/(events|domains)\/\{domain\}/.test(route)) continue;
        expect([route, status, Object.keys(content ?? {})]).toEqual([route, status, ['application/problem+json']]);
      }
    }
  });

  it('says that a body may be left out where it may', () => {
    const optional = operations().filter(({ operation }) => operation.requestBody?.required === false);
    expect(optional.map(({ operation }) => operation.operationId).sort()).toEqual([
      ...[
        'drainEsp',
        'pauseEsp',
        'previewTemplate',
        'probeEspOnly',
        'resumeEsp',
        'retryDeadLetter',
        'retryDeadLetters',
      ],
      'simulateWeights',
    ]);
  });

  it('lists the ESPs that there are wherever one is named', () => {
    const { esps } = document.components.schemas['EmailRequestInput']?.['properties'] as { esps: { items: object } };
    expect(esps.items).toMatchObject({ enum: ['sendgrid', 'postmark'] });
    expect(document.paths['/v1/esps/{esp}/pause']?.['post']?.parameters).toMatchObject([
      { name: 'esp', schema: { enum: ['sendgrid', 'postmark'] } },
    ]);
  });

  it('tells of paced batches that their size and interval need each other', () => {
    const request = document.components.schemas['EmailRequestInput']?.['properties'] as Record<string, object>;
    expect(request['batch']).toMatchObject({
      properties: { id: {}, size: {}, intervalSeconds: {} },
      dependentRequired: { size: ['intervalSeconds'], intervalSeconds: ['size'] },
    });
    expect(document.paths['/v1/emails']?.['post']?.parameters ?? []).toEqual([]);
  });

  it('shows an example of every body, and each is taken', () => {
    const schemas = {
      sendEmail: emailRequest,
      moveEmail: emailChange,
      ...{ enqueueTask: task, enqueueTaskAtRoot: task, enqueueTaskAtTask: task, verifyTaskCode: taskGuess },
      ...{ createTaskContent: taskContent, updateTaskContent: taskContent },
      ...{ signUp: signUpRequest, deregister: signUpRequest },
      createSchedule: newSchedule,
      changeSchedule: scheduleChange,
      createAccount: newAccount,
      updateAccount: accountChange,
      createApiKey: newKey,
      sendForm: sendForm,
      sendCode: newCodeRequest,
      verifyCode: codeGuess,
      addSuppressions: newSuppressions,
      createTemplate: newTemplate,
      changeTemplate: templateChange,
      previewTemplate: previewQuestion,
      createWebhook: newWebhook,
      changeWebhook: webhookChange,
      replayFailedWebhookCalls: replayQuestion,
      setEspLimits: limitsChange,
      simulateWeights: whatIfQuestion,
      retryDeadLetter: letterEdit,
      retryDeadLetters: retryFilter,
      addDeliveryEvents: domainEventList,
      ...{ pauseEsp: modeChange, drainEsp: modeChange, resumeEsp: modeChange, probeEspOnly: modeChange },
    };
    const withBody = operations().filter(({ operation }) => operation.requestBody !== undefined);
    expect(withBody.map(({ operation }) => operation.operationId).sort()).toEqual(Object.keys(schemas).sort());
    for (const { operation } of withBody) {
      const shown = operation.requestBody?.content['application/json']?.schema as {
        $ref?: string;
        example?: unknown;
      };
      const example = shown.example ?? document.components.schemas[shown.$ref?.split('/').at(-1) ?? '']?.['example'];
      const schema = schemas[operation.operationId as keyof typeof schemas];
      expect([operation.operationId, example]).toEqual([operation.operationId, expect.anything()]);
      expect([example, schema.safeParse(example)]).toMatchObject([example, { success: true }]);
    }
  });
});

interface Told {
  readonly anyOf?: readonly { readonly pattern?: string }[];
  readonly pattern?: string;
}
const patternsOf = (schema: { meta(): unknown }): RegExp[] => {
  const { anyOf = [], pattern } = schema.meta() as Told;
  return [...anyOf.map((branch) => branch.pattern), pattern].flatMap((text) =>
    text === undefined || text === '\\.' ? [] : [new RegExp(text)],
  );
};

describe('What the document says of text is so', () => {
  it('an address of the form it shows is one', () => {
    const [pattern = /-/] = patternsOf(addressText);
    fc.assert(
      fc.property(fc.stringMatching(pattern), (text) => {
        expect([text, parseAddress(text)?.email]).toEqual([text, expect.stringContaining('@')]);
      }),
    );
  });

  it('a sender domain of the form it shows is one', () => {
    const [pattern = /-/] = patternsOf(senderDomainText);
    fc.assert(
      fc.property(fc.stringMatching(pattern), (text) => {
        expect([text, normaliseSenderDomain(text)]).toEqual([text, expect.any(String)]);
      }),
    );
  });

  it('headers of the form it shows are those that may be set', () => {
    const pattern = new RegExp(headerNamePattern);
    const parts = [
      'X-',
      'x-',
      'Ref',
      'smtpapi',
      'SG-',
      'pm-',
      'Bcc',
      'References',
      'in-reply-to',
      'Return-Path',
      '-',
      'a',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 4 }), (words) => {
        const name = words.join('');
        expect([name, pattern.test(name)]).toEqual([name, isAllowedHeader(name)]);
      }),
    );
  });

  it.each([
    ['Hello {{name}}', true],
    ['{% if a %}b{% endif %} {{ c | upcase }}', true],
    ['{% raw %}{{{% endraw %}', true],
    ['a { b } c', true],
    ['Hello {{name', false],
    ['{% if', false],
    ['a\nb', false],
  ])('a template %j fits: %s', (text, fits) => {
    const [pattern = /-/] = patternsOf(templateLine(100));
    expect(pattern.test(text)).toBe(fits);
  });
});
