import type { z } from 'zod';
import { postmarkEnv, sendgridEnv, sesEnv, smtpEnv, socketlabsEnv, sparkpostEnv, type espEnv } from '../config/env.ts';
import type { Esp, EspKind, ListSuppressions, TranslateWebhook, VerifyWebhook } from './esp.ts';
import { createPostmark } from './postmark/send.ts';
import { postmarkSuppressions } from './postmark/suppressions.ts';
import { translatePostmarkWebhook, verifyPostmarkWebhook } from './postmark/webhook.ts';
import { createSendgrid } from './sendgrid/send.ts';
import { sendgridSuppressions } from './sendgrid/suppressions.ts';
import { translateSendgridWebhook, verifySendgridWebhook } from './sendgrid/webhook.ts';
import { createSes } from './ses/send.ts';
import { sesSuppressions } from './ses/suppressions.ts';
import { sesVerifier } from './ses/sns.ts';
import { translateSesWebhook } from './ses/webhook.ts';
import { createSmtp } from './smtp/send.ts';
import { createSocketlabs } from './socketlabs/send.ts';
import { translateSocketlabsWebhook, verifySocketlabsWebhook } from './socketlabs/webhook.ts';
import { createSparkpost } from './sparkpost/send.ts';
import { sparkpostSuppressions } from './sparkpost/suppressions.ts';
import { translateSparkpostWebhook, verifySparkpostWebhook } from './sparkpost/webhook.ts';

/** The values of the settings group `espEnv`, as the environment's one reader hands them down. */
export type EspSettings = { readonly [Name in keyof typeof espEnv]?: z.infer<(typeof espEnv)[Name]> | undefined };

export interface Provider {
  readonly kind: EspKind;
  /** The settings of one account: what the environment may name, and an entry of the accounts file too. */
  readonly group: Partial<typeof espEnv>;
  /** What must be set for an account to be on: of each list, one at least. */
  readonly needs: readonly (readonly (keyof EspSettings)[])[];
  /** The account that the settings name, under this name of ours; undefined when its credentials are not set. */
  createEsp(settings: EspSettings, name: string): Esp | undefined;
  /** Undefined when the credential of its webhooks is not set: then nothing that comes from it may be believed. */
  verifier(settings: EspSettings, now: () => Date): VerifyWebhook | undefined;
  /** Undefined when the ESP's API shows no list of its own, or its credentials are not set. */
  listSuppressions?(settings: EspSettings): ListSuppressions | undefined;
  /** Undefined when the ESP tells nothing by webhook. */
  readonly translate: TranslateWebhook | undefined;
}

/** Every ESP of the fleet. A new one is a line here and a folder beside this file (see README.md). */
export const providers: readonly Provider[] = [
  {
    kind: 'sendgrid',
    group: sendgridEnv,
    needs: [['SENDGRID_API_KEY']],
    createEsp: ({ SENDGRID_API_KEY: apiKey, SENDGRID_BASE_URL: baseUrl }, name) =>
      apiKey === undefined ? undefined : createSendgrid({ name, apiKey, baseUrl }),
    verifier: ({ SENDGRID_WEBHOOK_PUBLIC_KEY: key }, now) =>
      key === undefined ? undefined : verifySendgridWebhook(key, now),
    listSuppressions: ({ SENDGRID_API_KEY: apiKey, SENDGRID_BASE_URL: baseUrl }) =>
      apiKey === undefined ? undefined : sendgridSuppressions({ apiKey, baseUrl }),
    translate: translateSendgridWebhook,
  },
  {
    kind: 'postmark',
    group: postmarkEnv,
    needs: [['POSTMARK_SERVER_TOKEN']],
    createEsp: (
      { POSTMARK_SERVER_TOKEN: serverToken, POSTMARK_BASE_URL: baseUrl, POSTMARK_MESSAGE_STREAM: messageStream },
      name,
    ) => (serverToken === undefined ? undefined : createPostmark({ name, serverToken, baseUrl, messageStream })),
    verifier: ({ POSTMARK_WEBHOOK_USER: user, POSTMARK_WEBHOOK_PASSWORD: password }) =>
      user === undefined || password === undefined ? undefined : verifyPostmarkWebhook({ user, password }),
    listSuppressions: ({
      POSTMARK_SERVER_TOKEN: serverToken,
      POSTMARK_BASE_URL: baseUrl,
      POSTMARK_MESSAGE_STREAM: messageStream,
    }) => (serverToken === undefined ? undefined : postmarkSuppressions({ serverToken, baseUrl, messageStream })),
    translate: translatePostmarkWebhook,
  },
  {
    kind: 'sparkpost',
    group: sparkpostEnv,
    needs: [['SPARKPOST_API_KEY']],
    createEsp: ({ SPARKPOST_API_KEY: apiKey, SPARKPOST_BASE_URL: baseUrl }, name) =>
      apiKey === undefined ? undefined : createSparkpost({ name, apiKey, baseUrl }),
    verifier: ({ SPARKPOST_WEBHOOK_USER: user, SPARKPOST_WEBHOOK_PASSWORD: password }) =>
      user === undefined || password === undefined ? undefined : verifySparkpostWebhook({ user, password }),
    listSuppressions: ({ SPARKPOST_API_KEY: apiKey, SPARKPOST_BASE_URL: baseUrl }) =>
      apiKey === undefined ? undefined : sparkpostSuppressions({ apiKey, baseUrl }),
    translate: translateSparkpostWebhook,
  },
  {
    kind: 'socketlabs',
    group: socketlabsEnv,
    needs: [['SOCKETLABS_SERVER_ID'], ['SOCKETLABS_API_KEY']],
    createEsp: ({ SOCKETLABS_SERVER_ID: serverId, SOCKETLABS_API_KEY: apiKey, SOCKETLABS_BASE_URL: baseUrl }, name) =>
      serverId === undefined || apiKey === undefined
        ? undefined
        : createSocketlabs({ name, serverId, apiKey, baseUrl }),
    verifier: ({ SOCKETLABS_WEBHOOK_SECRET: secretKey, SOCKETLABS_VALIDATION_KEY: validationKey = secretKey }) =>
      secretKey === undefined || validationKey === undefined
        ? undefined
        : verifySocketlabsWebhook({ secretKey, validationKey }),
    translate: translateSocketlabsWebhook,
  },
  {
    kind: 'ses',
    group: sesEnv,
    needs: [
      ['AWS_ACCESS_KEY_ID'],
      ['AWS_SECRET_ACCESS_KEY'],
      ['SES_CONFIGURATION_SET', 'SES_BASE_URL'],
      ['AWS_REGION', 'SES_BASE_URL'],
    ],
    createEsp: (
      {
        SES_BASE_URL: baseUrl,
        AWS_REGION: region = baseUrl === undefined ? undefined : 'us-east-1',
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        SES_CONFIGURATION_SET: configurationSet,
      },
      name,
    ) => {
      // Keys of AWS lie about for many reasons; that they are for SES is said by one of the other two.
      const isMeant = configurationSet !== undefined || baseUrl !== undefined;
      return !isMeant || region === undefined || accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : createSes({ name, region, accessKeyId, secretAccessKey, configurationSet, baseUrl });
    },
    verifier: ({ SES_TOPIC_ARN: topicArns, SES_SNS_CERT_FILE: certificateFile, NODE_ENV: nodeEnv }) =>
      sesVerifier({ topicArns, certificateFile, nodeEnv }),
    listSuppressions: ({
      SES_BASE_URL: baseUrl,
      AWS_REGION: region = baseUrl === undefined ? undefined : 'us-east-1',
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      SES_CONFIGURATION_SET: configurationSet,
    }) =>
      (configurationSet ?? baseUrl) === undefined ||
      region === undefined ||
      accessKeyId === undefined ||
      secretAccessKey === undefined
        ? undefined
        : sesSuppressions({ region, accessKeyId, secretAccessKey, baseUrl }),
    translate: translateSesWebhook,
  },
  {
    kind: 'smtp',
    group: smtpEnv,
    needs: [['SMTP_HOST']],
    createEsp: (
      {
        SMTP_HOST: host,
        SMTP_PORT: port = 465,
        SMTP_USER: user,
        SMTP_PASS: pass,
        SMTP_SECURE: secure = 'auto',
        SMTP_CONNECTIONS: connections = 5,
      },
      name,
    ) => (host === undefined ? undefined : createSmtp({ name, host, port, user, pass, secure, connections })),
    verifier: () => undefined,
    // Bounces and complaints come as mail, to the sender's own mailbox.
    translate: undefined,
  },
];

/** The provider of a kind; undefined when there is none, or it has no webhooks. */
export const webhookProvider = (kind: string): (Provider & { readonly translate: TranslateWebhook }) | undefined => {
  const provider = providers.find((candidate) => candidate.kind === kind);
  return provider?.translate === undefined ? undefined : { ...provider, translate: provider.translate };
};
