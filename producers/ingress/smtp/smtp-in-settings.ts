import { isLoopback } from '../../../shared/domain/loopback.ts';
import { ConfigError } from '../../../shared/errors.ts';
import type { SmtpSettings } from './server.ts';

/**
 * How the SMTP door may be opened: keys are told in the clear on this machine alone, elsewhere behind a certificate.
 * Undefined where neither is so. Throws `ConfigError` for a certificate without its key.
 */
export const smtpInSettings = (env: {
  readonly HOST: string;
  readonly SMTP_IN_CERT?: string | undefined;
  readonly SMTP_IN_KEY?: string | undefined;
}): Pick<SmtpSettings, 'isLoopback' | 'tls'> | undefined => {
  const { SMTP_IN_CERT: cert, SMTP_IN_KEY: key } = env;
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError('SMTP_IN_CERT and SMTP_IN_KEY: one without the other says nothing');
  }
  const isLocal = isLoopback(env.HOST);
  if (cert !== undefined && key !== undefined) return { isLoopback: isLocal, tls: { cert, key } };
  return isLocal ? { isLoopback: true, tls: undefined } : undefined;
};
