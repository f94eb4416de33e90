import { InfrastructureError } from '../errors.ts';

const totalTimeoutMs = 30_000;

/**
 * Asks an ESP's API a question and answers its JSON. Throws `InfrastructureError` (`esp-list`) for anything but a 2xx of JSON
 * within 30 s; the message names the status, never a header or an address.
 */
export const getJson = async (url: string, headers: Readonly<Record<string, string>>): Promise<unknown> => {
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json', ...headers },
      redirect: 'error',
      signal: AbortSignal.timeout(totalTimeoutMs),
    });
    if (!response.ok) throw new InfrastructureError('esp-list', `It answered ${response.status}.`);
    return await response.json();
  } catch (error) {
    if (error instanceof InfrastructureError) throw error;
    throw new InfrastructureError('esp-list', 'It did not answer in time, or not with JSON.', error);
  }
};
