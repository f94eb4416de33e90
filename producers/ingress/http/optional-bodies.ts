type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;
const child = (node: unknown, key: string): unknown => (isNode(node) ? node[key] : undefined);

/**
 * Says in an OpenAPI document that a body may be left out where its schema has a default. `@fastify/swagger` calls every
 * body required, and a generated client would then insist on one.
 */
export const markOptionalBodies = <Document extends object>(document: Document): Document => {
  const paths = child(document, 'paths');
  for (const path of Object.values(isNode(paths) ? paths : {})) {
    for (const operation of Object.values(isNode(path) ? path : {})) {
      const body = child(operation, 'requestBody');
      const schema = child(child(child(body, 'content'), 'application/json'), 'schema');
      if (isNode(body) && child(schema, 'default') !== undefined) body['required'] = false;
    }
  }
  return document;
};
