import type { VerifyWebhook } from './esp.ts';
import { requestHeader } from './request-header.ts';
import { isSameSecret } from './same-secret.ts';

/** For ESPs that sign nothing: their webhooks show Basic credentials (RFC 7617), compared in constant time. */
export const verifyBasicCredentials = (credentials: {
  readonly user: string;
  readonly password: string;
}): ((request: Pick<Parameters<VerifyWebhook>[0], 'headers'>) => boolean) => {
  // As it is written, and not what it decodes to: a lenient decoder lets changed bytes pass.
  const expected = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  return ({ headers }) => {
    const given = /^Basic +(.*)$/i.exec(requestHeader(headers, 'authorization') ?? '')?.[1];
    return isSameSecret(given ?? '', expected) && given !== undefined;
  };
};
