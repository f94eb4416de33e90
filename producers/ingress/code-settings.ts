import { deriveKey } from '../../shared/domain/derived-key.ts';
import { parseAddress } from '../../shared/domain/email-address.ts';
import type { CodeSettings } from './one-time-codes.ts';

/** Settings of one-time codes, from the environment of the ingress. */
export const codeSettings = (env: {
  readonly JWT_SECRET?: string | undefined;
  readonly OTP_LIFESPAN_SECONDS: number;
  readonly OTP_RESEND_SECONDS: number;
  readonly OTP_MAX_PER_HOUR: number;
  readonly OTP_ECHO: boolean;
  readonly MAIL_FROM?: string | undefined;
  readonly SMTP_USER?: string | undefined;
}): CodeSettings => {
  const { JWT_SECRET: secret, SMTP_USER: user } = env;
  return {
    lifespanSeconds: env.OTP_LIFESPAN_SECONDS,
    resendSeconds: env.OTP_RESEND_SECONDS,
    maxPerHour: env.OTP_MAX_PER_HOUR,
    isEchoed: env.OTP_ECHO,
    keys:
      secret === undefined
        ? undefined
        : { pepper: deriveKey(secret, 'one-time-code pepper'), seal: deriveKey(secret, 'one-time-code seal') },
    mailFrom: env.MAIL_FROM ?? (user !== undefined && parseAddress(user) !== undefined ? user : undefined),
  };
};
