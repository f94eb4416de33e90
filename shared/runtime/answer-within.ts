/**
 * What a promise resolves to, or undefined when that takes longer than `ms`. A rejection in time is thrown; one that comes
 * later is nobody's any more.
 */
export const answerWithin = async <T>(answer: Promise<T>, ms: number): Promise<T | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
};
