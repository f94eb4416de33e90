import type { VerifyWebhook } from './esp.ts';
import { requestHeader } from './request-header.ts';
import { isSameSecret } from './same-secret.ts';

/** For ESPs that sign nothing: their webhooks show Basic credentials (RFC 7617), compared in constant time. */
export const verifyBasicCredentials = (credentials: {
  readonly user: string;
  readonly password: string;
}): ((request: Pick<Parameters<VerifyWebhook>[0], 'headers'>) => boolean) => {
  const expected = `${credentials.user}:${credentials.password}`;
  return ({ headers }) => {
    const given = /^Basic +(.*)$/i.exec(requestHeader(headers, 'authorization') ?? '')?.[1];
    return isSameSecret(Buffer.from(given ?? '', 'base64').toString('utf8'), expected) && given !== undefined;
  };
};
