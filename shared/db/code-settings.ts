import { deriveKey } from '../domain/derived-key.ts';
import { parseAddress } from '../domain/email-address.ts';
import type { CodeLimits } from './one-time-codes.ts';

export interface CodeSettings extends CodeLimits {
  /** Undefined: the fleet has no secret, and no code can be made. */
  readonly keys: { readonly pepper: Buffer; readonly seal: Buffer } | undefined;
  /** Whether callers are told the code (OTP_ECHO). */
  readonly isEchoed: boolean;
  readonly mailFrom: string | undefined;
}

/** Settings of one-time codes, from the environment of a process that makes them. */
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
