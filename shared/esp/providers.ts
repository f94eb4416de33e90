import type { z } from 'zod';
import type { espEnv } from '../config/env.ts';
import type { Esp, EspKind, TranslateWebhook, VerifyWebhook } from './esp.ts';
import { createPostmark } from './postmark/send.ts';
import { translatePostmarkWebhook, verifyPostmarkWebhook } from './postmark/webhook.ts';
import { createSendgrid } from './sendgrid/send.ts';
import { translateSendgridWebhook, verifySendgridWebhook } from './sendgrid/webhook.ts';
import { createSes } from './ses/send.ts';
import { sesVerifier } from './ses/sns.ts';
import { translateSesWebhook } from './ses/webhook.ts';
import { createSmtp } from './smtp/send.ts';
import { createSocketlabs } from './socketlabs/send.ts';
import { translateSocketlabsWebhook, verifySocketlabsWebhook } from './socketlabs/webhook.ts';
import { createSparkpost } from './sparkpost/send.ts';
import { translateSparkpostWebhook, verifySparkpostWebhook } from './sparkpost/webhook.ts';

/** The values of the settings group `espEnv`, as the environment's one reader hands them down. */
export type EspSettings = { readonly [Name in keyof typeof espEnv]?: z.infer<(typeof espEnv)[Name]> | undefined };

export interface Provider {
  readonly kind: EspKind;
  /** The account that the settings name; undefined when its credentials are not set. */
  createEsp(settings: EspSettings): Esp | undefined;
  /** Undefined when the credential of its webhooks is not set: then nothing that comes from it may be believed. */
  verifier(settings: EspSettings, now: () => Date): VerifyWebhook | undefined;
  /** Undefined when the ESP tells nothing by webhook. */
  readonly translate: TranslateWebhook | undefined;
}

/** Every ESP of the fleet. A new one is a line here and a folder beside this file (see README.md). */
export const providers: readonly Provider[] = [
  {
    kind: 'sendgrid',
    createEsp: ({ SENDGRID_API_KEY: apiKey, SENDGRID_BASE_URL: baseUrl }) =>
      apiKey === undefined ? undefined : createSendgrid({ name: 'sendgrid', apiKey, baseUrl }),
    verifier: ({ SENDGRID_WEBHOOK_PUBLIC_KEY: key }, now) =>
      key === undefined ? undefined : verifySendgridWebhook(key, now),
    translate: translateSendgridWebhook,
  },
  {
    kind: 'postmark',
    createEsp: ({
      POSTMARK_SERVER_TOKEN: serverToken,
      POSTMARK_BASE_URL: baseUrl,
      POSTMARK_MESSAGE_STREAM: messageStream,
    }) =>
      serverToken === undefined ? undefined : createPostmark({ name: 'postmark', serverToken, baseUrl, messageStream }),
    verifier: ({ POSTMARK_WEBHOOK_USER: user, POSTMARK_WEBHOOK_PASSWORD: password }) =>
      user === undefined || password === undefined ? undefined : verifyPostmarkWebhook({ user, password }),
    translate: translatePostmarkWebhook,
  },
  {
    kind: 'sparkpost',
    createEsp: ({ SPARKPOST_API_KEY: apiKey, SPARKPOST_BASE_URL: baseUrl }) =>
      apiKey === undefined ? undefined : createSparkpost({ name: 'sparkpost', apiKey, baseUrl }),
    verifier: ({ SPARKPOST_WEBHOOK_USER: user, SPARKPOST_WEBHOOK_PASSWORD: password }) =>
      user === undefined || password === undefined ? undefined : verifySparkpostWebhook({ user, password }),
    translate: translateSparkpostWebhook,
  },
  {
    kind: 'socketlabs',
    createEsp: ({ SOCKETLABS_SERVER_ID: serverId, SOCKETLABS_API_KEY: apiKey, SOCKETLABS_BASE_URL: baseUrl }) =>
      serverId === undefined || apiKey === undefined
        ? undefined
        : createSocketlabs({ name: 'socketlabs', serverId, apiKey, baseUrl }),
    verifier: ({ SOCKETLABS_WEBHOOK_SECRET: secretKey, SOCKETLABS_VALIDATION_KEY: validationKey = secretKey }) =>
      secretKey === undefined || validationKey === undefined
        ? undefined
        : verifySocketlabsWebhook({ secretKey, validationKey }),
    translate: translateSocketlabsWebhook,
  },
  {
    kind: 'ses',
    createEsp: ({
      SES_BASE_URL: baseUrl,
      AWS_REGION: region = baseUrl === undefined ? undefined : 'us-east-1',
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      SES_CONFIGURATION_SET: configurationSet,
    }) => {
      // Keys of AWS lie about for many reasons; that they are for SES is said by one of the other two.
      const isMeant = configurationSet !== undefined || baseUrl !== undefined;
      return !isMeant || region === undefined || accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : createSes({ name: 'ses', region, accessKeyId, secretAccessKey, configurationSet, baseUrl });
    },
    verifier: ({ SES_TOPIC_ARN: topicArns, SES_SNS_CERT_FILE: certificateFile, NODE_ENV: nodeEnv }) =>
      sesVerifier({ topicArns, certificateFile, nodeEnv }),
    translate: translateSesWebhook,
  },
  {
    kind: 'smtp',
    createEsp: ({
      SMTP_HOST: host,
      SMTP_PORT: port = 465,
      SMTP_USER: user,
      SMTP_PASS: pass,
      SMTP_SECURE: secure = 'auto',
      SMTP_CONNECTIONS: connections = 5,
    }) => (host === undefined ? undefined : createSmtp({ name: 'smtp', host, port, user, pass, secure, connections })),
    verifier: () => undefined,
    // Bounces and complaints come as mail, to the sender's own mailbox.
    translate: undefined,
  },
];

/** The ESPs whose credentials are set. The caller closes them. */
export const configuredEsps = (settings: EspSettings): readonly Esp[] =>
  providers.flatMap((provider) => provider.createEsp(settings) ?? []);

/** The provider whose webhooks come under this name, or undefined when there is none or it has no webhooks. */
export const webhookProvider = (kind: string): (Provider & { readonly translate: TranslateWebhook }) | undefined => {
  const provider = providers.find((candidate) => candidate.kind === kind);
  return provider?.translate === undefined ? undefined : { ...provider, translate: provider.translate };
};
