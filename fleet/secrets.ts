import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { selfSignedCertificate } from '../simulator/self-signed.ts';

/** What a fleet on one machine makes for itself once, and keeps under its home. */
export interface MadeSecrets {
  readonly adminKey: string;
  readonly jwtSecret: string;
  readonly postgresPassword: string;
  readonly simulator: {
    readonly sendgridPrivateKey: string;
    readonly sendgridApiKey: string;
    readonly postmarkServerToken: string;
    readonly postmarkWebhookPassword: string;
    readonly sparkpostApiKey: string;
    readonly sparkpostWebhookPassword: string;
    readonly socketlabsApiKey: string;
    readonly socketlabsWebhookSecret: string;
    readonly smtpPassword: string;
    readonly sesSecretAccessKey: string;
    /** Signs the simulated SNS messages; its certificate is in the file. */
    readonly snsPrivateKey: string;
    readonly snsCertificateFile: string;
  };
}

const madeOnce = (path: string, make: () => string): string => {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${make()}\n`, { mode: 0o600 });
  }
  // A copied home may have lost the modes.
  chmodSync(path, 0o600);
  return readFileSync(path, 'utf8').trim();
};

const randomText = (): string => randomBytes(32).toString('base64url');

const newSigningKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** The public half of a PEM key as SendGrid shows it: base64 of its SPKI DER form. */
export const publicKeyOf = (privatePem: string): string =>
  createPublicKey(createPrivateKey(privatePem)).export({ type: 'spki', format: 'der' }).toString('base64');

/** SNS signs with RSA. The certificate is a file beside the key, as the ingress is given a path. */
const snsSigning = (folder: string): { readonly snsPrivateKey: string; readonly snsCertificateFile: string } => {
  const snsPrivateKey = madeOnce(join(folder, 'sns-private-key.pem'), () =>
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const snsCertificateFile = join(folder, 'sns-certificate.pem');
  madeOnce(snsCertificateFile, () => selfSignedCertificate(snsPrivateKey, ['sns.us-east-1.amazonaws.com']));
  return { snsPrivateKey, snsCertificateFile };
};

/** Reads the secrets of this home, and makes those that are not there yet; readable by the owner alone. */
export const readSecrets = (home: string): MadeSecrets => ({
  adminKey: madeOnce(join(home, 'admin-key'), randomText),
  jwtSecret: madeOnce(join(home, 'jwt-secret'), randomText),
  postgresPassword: madeOnce(join(home, 'postgres-password'), () => randomBytes(24).toString('hex')),
  simulator: {
    sendgridPrivateKey: madeOnce(join(home, 'simulator', 'sendgrid-private-key.pem'), newSigningKey),
    sendgridApiKey: madeOnce(join(home, 'simulator', 'sendgrid-api-key'), () => `SG.${randomText()}`),
    postmarkServerToken: madeOnce(join(home, 'simulator', 'postmark-server-token'), randomText),
    postmarkWebhookPassword: madeOnce(join(home, 'simulator', 'postmark-webhook-password'), randomText),
    sparkpostApiKey: madeOnce(join(home, 'simulator', 'sparkpost-api-key'), () => randomBytes(20).toString('hex')),
    sparkpostWebhookPassword: madeOnce(join(home, 'simulator', 'sparkpost-webhook-password'), randomText),
    // SocketLabs' keys of today: 20 characters, a dot, 40 characters.
    socketlabsApiKey: madeOnce(
      join(home, 'simulator', 'socketlabs-api-key'),
      () => `${randomBytes(10).toString('hex')}.${randomBytes(20).toString('hex')}`,
    ),
    socketlabsWebhookSecret: madeOnce(join(home, 'simulator', 'socketlabs-webhook-secret'), randomText),
    smtpPassword: madeOnce(join(home, 'simulator', 'smtp-password'), randomText),
    sesSecretAccessKey: madeOnce(join(home, 'simulator', 'ses-secret-access-key'), randomText),
    ...snsSigning(join(home, 'simulator')),
  },
});
