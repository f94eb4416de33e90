import { resolve } from 'node:path';
import { Disk } from 'flydrive';
import { FSDriver } from 'flydrive/drivers/fs';
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
  const { BLOB_S3_BUCKET: bucket } = settings;
  const open = async (): Promise<Disk> => {
    if (bucket === undefined)
      return new Disk(new FSDriver({ location: resolve(settings.BLOB_DIR), visibility: 'private' }));
    // Loaded where it is used: the AWS SDK costs every process a third of a second at its start.
    const { S3Driver } = await import('flydrive/drivers/s3');
    return new Disk(new S3Driver({ bucket, visibility: 'private', supportsACL: false }));
  };
  let opened: Promise<Disk> | undefined;
  const guarded = async <T>(work: (disk: Disk) => Promise<T>): Promise<T> => {
    try {
      opened ??= open();
      return await work(await opened);
    } catch (error) {
      throw storeFault(error);
    }
  };
  return {
    put: (key, body) => guarded((disk) => disk.put(key, body)),
    get: (key) => guarded(async (disk) => ((await disk.exists(key)) ? disk.get(key) : undefined)),
    remove: (key) => guarded((disk) => disk.delete(key)),
  };
};
