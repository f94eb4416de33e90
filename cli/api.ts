import { problemDetail, type Problem } from './problem.ts';

/** Exit codes of the command line (`contract` §1). */
export const exitCodes = { ok: 0, failed: 1, usage: 2, notFound: 3, upstreamDown: 5 } as const;

/** An end of a command that its caller is told in one sentence. */
export class CommandFailed extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface Api {
  /** Calls the ingress and answers its JSON; throws `CommandFailed` with what the ingress said. */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
}

const exitCodeOf = (status: number): number => {
  if (status === 404) return exitCodes.notFound;
  return status >= 500 ? exitCodes.upstreamDown : exitCodes.failed;
};

/** The API of the fleet at `url`, spoken to with `key`. */
export const apiAt = (url: string, key: string): Api => ({
  call: async (method, path, body) => {
    let response: Response;
    try {
      response = await fetch(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      });
    } catch (error) {
      const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new CommandFailed(`The ingress at ${url} does not answer: ${why}`, exitCodes.upstreamDown);
    }
    const text = await response.text();
    if (response.ok) return text === '' ? undefined : (JSON.parse(text) as unknown);
    let problem: Problem = {};
    try {
      problem = JSON.parse(text) as Problem;
    } catch {
      // Something between us and the ingress answered; its status is all we have.
    }
    throw new CommandFailed(problemDetail(response.status, problem), exitCodeOf(response.status));
  },
});
