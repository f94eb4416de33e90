// Idempotency keys of records: a key stands for one request of its account, whichever door it came through.
import { createHash } from 'node:crypto';
import type { EmailRecord } from '../../shared/contracts/email.ts';
import type { Pool } from '../../shared/db/connect.ts';
import { noteKeys, type RecordKey } from '../../shared/db/idempotency.ts';
import { idempotentBody } from '../../shared/domain/idempotent-body.ts';
import { requestIdOfKey } from '../../shared/domain/request-ids.ts';
import { InvalidMessageError } from '../../shared/errors.ts';

/** Answers for each key whether it stands for this request, or was used for another one. */
export type NoteKeys = (keys: readonly RecordKey[]) => Promise<readonly boolean[]>;

export const noteKeysIn =
  (pool: Pool): NoteKeys =>
  (keys) =>
    noteKeys(pool, keys);

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * The key that a record carries, with the request id that follows from it; undefined when it carries none, or an id of its
 * own, which says the same. Throws `InvalidMessageError` when the key is longer than 256 characters.
 */
export const keyOfRecord = (headers: Readonly<Record<string, string>>, request: EmailRecord): RecordKey | undefined => {
  const key = headers['idempotency-key'] ?? headers['Idempotency-Key'];
  if (key === undefined || key === '' || request.id !== undefined) return undefined;
  if (key.length > 256) {
    throw new InvalidMessageError('bad-idempotency-key', 'The idempotency key is longer than 256 characters.');
  }
  const accountId = request.accountId ?? 'admin';
  const bodyHash = sha256(idempotentBody(request));
  return { accountId, keyHash: sha256(key), bodyHash, requestId: requestIdOfKey(accountId, key, bodyHash) };
};
