import { verify, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError, InfrastructureError } from '../../errors.ts';
import { isBase64 } from '../base64.ts';
import type { VerifyWebhook } from '../esp.ts';
import { isRecord, parseJson } from '../outcome-of.ts';
import { webhookText } from '../webhook-item.ts';

// docs.aws.amazon.com/sns/latest/dg: sns-verify-signature-of-message. A signature proves no more than "some customer of
// AWS", so the topic is asked first; and addresses that the message names are only fetched when they are Amazon's own.

/** GETs an `https:` address; the status and the text of the answer. Rejects when there is none in time. */
export type FetchText = (url: string) => Promise<{ readonly status: number; readonly text: string }>;

export interface SnsSettings {
  /** Topics whose messages are believed. */
  readonly topicArns: readonly string[];
  /** PEM used instead of what `SigningCertURL` names. */
  readonly certificate?: string | undefined;
  readonly fetchText?: FetchText | undefined;
}

const fetchTimeoutMs = 5_000;
const maxCertificateBytes = 65_536;
// Amazon changes its certificate about once a year; a few regions are plenty.
const maxCertificates = 16;

const fetchByHttps: FetchText = async (url) => {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(fetchTimeoutMs) });
  const text = await response.text();
  return { status: response.status, text: text.slice(0, maxCertificateBytes) };
};

// Not `sns.s3-<region>`, which is somebody's bucket of that name.
const amazonHost = /^sns\.(?!s3-)[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?$/;

/** The address if it is one of SNS itself; undefined for anything that could lead a fetch elsewhere. */
const amazonUrl = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.port !== '') return undefined;
  return amazonHost.test(url.hostname) ? url : undefined;
};

/** What is signed, by type: the names that are present, in this order. */
const signedNames: Readonly<Record<string, readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};
const digests: Readonly<Record<string, string>> = { '1': 'RSA-SHA1', '2': 'RSA-SHA256' };

type Envelope = Readonly<Record<string, string>>;

/** The text members of the body; undefined when it is no JSON object. */
const envelopeOf = (rawBody: Uint8Array): Envelope | undefined => {
  const body = parseJson(webhookText(rawBody));
  if (!isRecord(body)) return undefined;
  return Object.fromEntries(
    Object.entries(body).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
};

const keyOf = (certificate: string): KeyObject | undefined => {
  try {
    return new X509Certificate(certificate).publicKey;
  } catch {
    return undefined;
  }
};

const isSigned = (envelope: Envelope, names: readonly string[], digest: string, key: KeyObject): boolean => {
  const signed = names.map((name) => (envelope[name] === undefined ? '' : `${name}\n${envelope[name]}\n`)).join('');
  const { Signature: signature = '' } = envelope;
  if (!isBase64(signature)) return false;
  try {
    return verify(digest, Buffer.from(signed), key, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
};

/** Certificates by address. What could not be fetched is forgotten, so that the next message asks again. */
const certificateStore = (fetchText: FetchText) => {
  const kept = new Map<string, Promise<KeyObject | undefined>>();
  const load = async (url: string): Promise<KeyObject | undefined> => {
    const { status, text } = await fetchText(url);
    // Amazon has no such certificate: whoever named it is not Amazon.
    if (status >= 400 && status < 500) return undefined;
    if (status !== 200) throw new Error(`status ${status}`);
    return keyOf(text);
  };
  return async (url: string): Promise<KeyObject | undefined> => {
    const asked = kept.get(url) ?? load(url);
    kept.set(url, asked);
    const [oldest] = kept.keys();
    if (kept.size > maxCertificates && oldest !== undefined) kept.delete(oldest);
    try {
      const key = await asked;
      if (key === undefined) kept.delete(url);
      return key;
    } catch (error) {
      kept.delete(url);
      throw new InfrastructureError(
        'sns-certificate',
        'the certificate of an SNS message cannot be fetched now',
        error,
      );
    }
  };
};

/**
 * Amazon SNS in front of SES: genuine messages of the listed topics are believed, a genuine wish to subscribe is granted,
 * and a genuine end of a subscription is taken note of (its address would subscribe us again, so it is never fetched).
 * Throws `InfrastructureError` when a certificate or the confirmation cannot be fetched now: SNS repeats upon 503 alone.
 */
export const verifySnsMessage = (settings: SnsSettings): VerifyWebhook => {
  const { topicArns, certificate, fetchText = fetchByHttps } = settings;
  const topics = new Set(topicArns);
  const givenKey = certificate === undefined ? undefined : keyOf(certificate);
  if (certificate !== undefined && givenKey === undefined)
    throw new ConfigError('SES_SNS_CERT_FILE: holds no certificate');
  const fetchedKey = certificateStore(fetchText);

  return async ({ rawBody }) => {
    const envelope = envelopeOf(rawBody);
    if (envelope === undefined || !topics.has(envelope['TopicArn'] ?? '')) return false;
    const { Type: type = '', SignatureVersion: version = '', SigningCertURL = '', SubscribeURL = '' } = envelope;
    const names = Object.hasOwn(signedNames, type) ? signedNames[type] : undefined;
    const digest = Object.hasOwn(digests, version) ? digests[version] : undefined;
    const certificateUrl = amazonUrl(SigningCertURL);
    if (names === undefined || digest === undefined || !certificateUrl?.pathname.endsWith('.pem')) return false;
    const confirmUrl = type === 'SubscriptionConfirmation' ? amazonUrl(SubscribeURL) : undefined;
    if (type === 'SubscriptionConfirmation' && confirmUrl === undefined) return false;

    const key = givenKey ?? (await fetchedKey(certificateUrl.href));
    if (key === undefined || !isSigned(envelope, names, digest, key)) return false;
    if (type === 'Notification') return true;
    if (confirmUrl === undefined) return { answer: 'noted' };
    try {
      const { status } = await fetchText(confirmUrl.href);
      if (status >= 500) throw new Error(`status ${status}`);
      return { answer: status < 400 ? 'confirmed' : 'too late' };
    } catch (error) {
      throw new InfrastructureError('sns-confirmation', 'the subscription cannot be confirmed now', error);
    }
  };
};

/**
 * The check of SES's webhooks by the settings; undefined without topics, as then nothing may be believed.
 * Throws `ConfigError` when a certificate file is given in production, or cannot be read.
 * @param settings topics by comma, the path of a PEM, and NODE_ENV.
 */
export const sesVerifier = (settings: {
  readonly topicArns?: string | undefined;
  readonly certificateFile?: string | undefined;
  readonly nodeEnv?: string | undefined;
}): VerifyWebhook | undefined => {
  const { certificateFile, nodeEnv } = settings;
  if (certificateFile !== undefined && nodeEnv === 'production') {
    throw new ConfigError('SES_SNS_CERT_FILE: is for the simulator and cannot be used in production');
  }
  const topicArns = (settings.topicArns ?? '').split(',').flatMap((arn) => arn.trim() || []);
  if (topicArns.length === 0) return undefined;
  if (certificateFile === undefined) return verifySnsMessage({ topicArns });
  try {
    return verifySnsMessage({ topicArns, certificate: readFileSync(certificateFile, 'utf8') });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError('SES_SNS_CERT_FILE: the file cannot be read');
  }
};
