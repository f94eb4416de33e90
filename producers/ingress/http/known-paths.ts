/** Which paths there are, and what each of them answers to. */
export interface KnownPaths {
  add(method: string, url: string): void;
  /** The methods of the path, sorted; undefined where there is no such path. A path that is written out wins over `:name`. */
  methodsOf(path: string): readonly string[] | undefined;
  /** The same, only for paths that are written out. */
  methodsOfFixed(path: string): readonly string[] | undefined;
}

const shapeOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .split('/')
      .map((step) =>
        step.startsWith(':') ? '[^/]+' : step === '*' ? '.*' : step.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
      )
      .join('/')}$`,
  );

export const createKnownPaths = (): KnownPaths => {
  const fixed = new Map<string, string[]>();
  const shaped = new Map<string, { readonly shape: RegExp; readonly methods: string[] }>();
  return {
    add: (method, url) => {
      const isShape = url.includes(':') || url.includes('*');
      const methods = (isShape ? shaped.get(url)?.methods : fixed.get(url)) ?? [];
      if (!methods.includes(method)) methods.push(method);
      methods.sort();
      if (isShape) shaped.set(url, { shape: shapeOf(url), methods });
      else fixed.set(url, methods);
    },
    methodsOf: (path) => fixed.get(path) ?? [...shaped.values()].find(({ shape }) => shape.test(path))?.methods,
    methodsOfFixed: (path) => fixed.get(path),
  };
};
