import { espNameFormat } from '../../../shared/contracts/esp-name.ts';

type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
const child = (node: unknown, key: string): unknown => (isNode(node) ? node[key] : undefined);
const nodes = (node: unknown): [string, Node][] =>
  Object.entries(isNode(node) ? node : {}).filter((entry): entry is [string, Node] => isNode(entry[1]));

const problem = '#/components/schemas/Problem';

// A body may be left out where its schema has a default; `@fastify/swagger` calls every body required, and a generated
// client would then insist on one.
const markOptionalBody = (operation: Node): void => {
  const body = child(operation, 'requestBody');
  const schema = child(child(child(body, 'content'), 'application/json'), 'schema');
  if (isNode(body) && child(schema, 'default') !== undefined) body['required'] = false;
};

// `@fastify/swagger` calls every answer JSON; errors are problem documents (RFC 9457).
const nameProblemType = (operation: Node): void => {
  for (const [, response] of nodes(operation['responses'])) {
    const content = child(response, 'content');
    const json = child(content, 'application/json');
    if (child(child(json, 'schema'), '$ref') === problem) response['content'] = { 'application/problem+json': json };
  }
};

// `@fastify/swagger` knows one media type of a body.
const nameLines = (operation: Node): void => {
  const content = child(operation['requestBody'], 'content');
  if (operation['operationId'] !== 'addDeliveryEvents' || !isNode(content)) return;
  content['application/x-ndjson'] = {
    schema: { type: 'string', description: 'An element of the JSON array on each line.' },
  };
};

/** Every object below this one, itself included. */
function* below(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value as unknown[]) yield* below(item);
  if (!isNode(value)) return;
  yield value;
  for (const inner of Object.values(value)) yield* below(inner);
}

const dropHidden = (schema: Node): void => {
  const properties = schema['properties'];
  for (const [name, property] of nodes(properties)) {
    if (property['hidden'] === true && isNode(properties)) Reflect.deleteProperty(properties, name);
  }
};

const dropHiddenParameters = (operation: Node): void => {
  const { parameters } = operation;
  if (!Array.isArray(parameters)) return;
  operation['parameters'] = parameters.filter((parameter) => child(child(parameter, 'schema'), 'hidden') !== true);
};

const listEsps = (schema: Node, esps: readonly string[]): void => {
  if (schema['format'] !== espNameFormat || esps.length === 0) return;
  schema['enum'] = [...esps];
  delete schema['pattern'];
};

const referencesIn = (value: unknown): string[] =>
  [...below(value)].flatMap((node) => (typeof node['$ref'] === 'string' ? [node['$ref'].split('/').at(-1) ?? ''] : []));

// Every schema is made for what comes in and for what goes out; mostly one of the two is used.
const dropUnusedSchemas = (document: Node): void => {
  const schemas = child(child(document, 'components'), 'schemas');
  if (!isNode(schemas)) return;
  const used = new Set<string>();
  let found = referencesIn(document['paths']);
  while (found.length > 0) {
    const fresh = found.filter((name) => !used.has(name));
    for (const name of fresh) used.add(name);
    found = fresh.flatMap((name) => referencesIn(schemas[name]));
  }
  for (const name of Object.keys(schemas)) {
    if (!used.has(name)) Reflect.deleteProperty(schemas, name);
  }
};

/**
 * Makes the OpenAPI document say what is really so: which bodies may be left out, that errors are problem documents, which
 * ESPs there are; and nothing of what is marked as hidden. Changes the document and answers it.
 */
export const finishDocument = <Document extends object>(
  document: Document,
  { esps }: { readonly esps: readonly string[] },
): Document => {
  for (const node of below(document)) {
    dropHidden(node);
    listEsps(node, esps);
  }
  for (const [, path] of nodes(child(document, 'paths'))) {
    for (const [, operation] of nodes(path)) {
      dropHiddenParameters(operation);
      markOptionalBody(operation);
      nameProblemType(operation);
      nameLines(operation);
    }
  }
  if (isNode(document)) dropUnusedSchemas(document);
  return document;
};
