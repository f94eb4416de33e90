import { resolve } from 'node:path';
import { Disk } from 'flydrive';
import { FSDriver } from 'flydrive/drivers/fs';
import { S3Driver } from 'flydrive/drivers/s3';
import { InfrastructureError } from '../errors.ts';

export interface BlobSettings {
  /** A folder that all processes share. */
  readonly BLOB_DIR: string;
  /** An S3 bucket instead: credentials and region come the way the AWS SDK always finds them. */
  readonly BLOB_S3_BUCKET?: string | undefined;
}

/** Where content lies that is too large for a record (claim check): records carry its key. */
export interface BlobStore {
  /** Resolves once the blob is stored. Throws `InfrastructureError`. */
  put(key: string, body: string): Promise<void>;
  /** Undefined when there is no such blob. Throws `InfrastructureError` when the store cannot be asked. */
  get(key: string): Promise<string | undefined>;
  remove(key: string): Promise<void>;
}

const storeFault = (error: unknown): InfrastructureError =>
  new InfrastructureError('blobs-away', 'The store of large content cannot be used right now.', error);

/** The store that the settings name. */
export const createBlobStore = (settings: BlobSettings): BlobStore => {
  const disk = new Disk(
    settings.BLOB_S3_BUCKET === undefined
      ? new FSDriver({ location: resolve(settings.BLOB_DIR), visibility: 'private' })
      : new S3Driver({ bucket: settings.BLOB_S3_BUCKET, visibility: 'private', supportsACL: false }),
  );
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storeFault(error);
    }
  };
  return {
    put: (key, body) => guarded(() => disk.put(key, body)),
    get: (key) => guarded(async () => ((await disk.exists(key)) ? disk.get(key) : undefined)),
    remove: (key) => guarded(() => disk.delete(key)),
  };
};
