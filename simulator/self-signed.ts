import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

// Node can read certificates but not write them. What is needed here - X.509 v3, one name, signed by itself - is a page
// of DER (RFC 5280 §4.1, ITU-T X.690), which is less than a dependency.

const tags = { integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c, sequence: 0x30, set: 0x31, utc: 0x17 };

const lengthOf = (size: number): Buffer => {
  if (size < 0x80) return Buffer.from([size]);
  const bytes = Buffer.from(size.toString(16).padStart(size > 0xffff ? 6 : size > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
};

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
};
const sequence = (...parts: readonly Buffer[]): Buffer => der(tags.sequence, ...parts);
/** Implicit or explicit context tag, as the high bits say. */
const context = (tag: number, ...parts: readonly Buffer[]): Buffer => der(tag, ...parts);

const oid = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const septets = (value: number): number[] =>
    value < 0x80 ? [value] : [...septets(Math.floor(value / 0x80)).map((septet) => septet | 0x80), value % 0x80];
  return der(tags.oid, Buffer.from([40 * first + second, ...others.flatMap(septets)]));
};

const algorithms: Readonly<Record<string, Buffer>> = {
  rsa: sequence(oid('1.2.840.113549.1.1.11'), Buffer.from([0x05, 0x00])),
  ec: sequence(oid('1.2.840.10045.4.3.2')),
};

const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), der(tags.octets, value));
const subjectAltName = (host: string): Buffer =>
  isIPv4(host) ? context(0x87, Buffer.from(host.split('.').map(Number))) : context(0x82, Buffer.from(host));
const basicConstraintsOfCa = sequence(Buffer.from([0x01, 0x01, 0xff]));

const pem = (certificate: Buffer): string =>
  [
    '-----BEGIN CERTIFICATE-----',
    ...(certificate.toString('base64').match(/.{1,64}/g) ?? []),
    '-----END CERTIFICATE-----',
    '',
  ].join('\n');

/**
 * A certificate (PEM) for the key, signed by the key itself, valid from 2020 to 2049.
 * Throws when the key is neither RSA nor EC.
 * @param privatePem PEM of the key, PKCS #8.
 * @param hosts names and IPv4 addresses it is good for; the first is also its subject.
 */
export const selfSignedCertificate = (privatePem: string, hosts: readonly [string, ...string[]]): string => {
  const key = createPrivateKey(privatePem);
  const algorithm = algorithms[key.asymmetricKeyType ?? ''];
  if (algorithm === undefined) throw new Error('a certificate needs an RSA or EC key');
  const name = sequence(der(tags.set, sequence(oid('2.5.4.3'), der(tags.utf8, Buffer.from(hosts[0])))));
  const serial = randomBytes(16);
  // A negative or zero-led number would be no valid serial.
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  const signed = sequence(
    context(0xa0, der(tags.integer, Buffer.from([2]))),
    der(tags.integer, serial),
    algorithm,
    name,
    sequence(der(tags.utc, Buffer.from('200101000000Z')), der(tags.utc, Buffer.from('491231235959Z'))),
    name,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    context(
      0xa3,
      sequence(
        extension('2.5.29.17', sequence(...hosts.map(subjectAltName))),
        extension('2.5.29.19', basicConstraintsOfCa),
      ),
    ),
  );
  const signature = sign('sha256', signed, key);
  return pem(sequence(signed, algorithm, der(tags.bits, Buffer.from([0]), signature)));
};
