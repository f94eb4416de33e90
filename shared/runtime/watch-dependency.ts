import { answerWithin } from './answer-within.ts';
import type { ProcessScope } from './process.ts';

const checkEveryMs = 2_000;
const answersWithinMs = 2_000;

/**
 * Keeps a part of readiness true to whether something the process needs answers within two seconds. Asks one question at a time, again two
 * seconds after the last was answered, until the scope stops. The first answer is awaited by nobody: until then the part
 * is not ready.
 */
export const watchDependency = (
  name: string,
  check: () => Promise<unknown>,
  { health, log, signal }: Pick<ProcessScope, 'health' | 'log' | 'signal'>,
): void => {
  let wasReady: boolean | undefined;
  health.ready(name, false);
  const look = async (): Promise<void> => {
    const answered = check().then(
      () => true,
      () => false,
    );
    const isReady = (await answerWithin(answered, answersWithinMs)) === true;
    if (signal.aborted) return;
    if (wasReady !== isReady && !(wasReady === undefined && isReady)) {
      log.warn({ dependency: name, isReady }, 'what this process needs has gone or come back');
    }
    wasReady = isReady;
    health.ready(name, isReady);
    setTimeout(() => void look(), checkEveryMs).unref();
  };
  void look();
};
