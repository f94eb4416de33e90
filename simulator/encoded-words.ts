const word = /=\?utf-8\?([bq])\?([^?]*)\?=/gi;

const bytesOf = (encoding: string, data: string): Buffer =>
  encoding.toLowerCase() === 'b'
    ? Buffer.from(data, 'base64')
    : Buffer.from(
        data
          .replaceAll('_', ' ')
          .replace(/=([0-9a-f]{2})/gi, (_hex, digits: string) => String.fromCharCode(parseInt(digits, 16))),
        'latin1',
      );

/** Encoded-words (RFC 2047) as what they mean; the blank between two of them belongs to the encoding. */
export const decodeWords = (text: string): string =>
  text
    .replace(/(\?=)\s+(?==\?utf-8\?)/gi, '$1')
    .replace(word, (_all, encoding: string, data: string) => bytesOf(encoding, data).toString('utf8'));
