import type { RequestHeaders } from './esp.ts';

/** The one value of a header, whatever the case of its name; undefined when it is missing or given twice. */
export const requestHeader = (headers: RequestHeaders, name: string): string | undefined => {
  const wanted = name.toLowerCase();
  const value = headers[wanted] ?? Object.entries(headers).find(([key]) => key.toLowerCase() === wanted)?.[1];
  if (value === undefined || typeof value === 'string') return value;
  return value.length === 1 ? value[0] : undefined;
};
