import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../shared/errors.ts';

const version = '4.32.5';

const isRecentPython = (program: string): boolean => {
  const found = spawnSync(program, ['-c', 'import sys, venv; print(sys.version_info >= (3, 10))'], {
    encoding: 'utf8',
  });
  return found.status === 0 && found.stdout.trim() === 'True';
};

const remedy = `The part "http" needs Python 3.10 or newer with its module venv, to install schemathesis ${version} under the state folder:
  Debian, Ubuntu  sudo apt-get install -y python3 python3-venv
  Fedora          sudo dnf install -y python3
  macOS           brew install python
  another place   PYTHON=/path/to/python3 npm run test:hostile
Without it: npm run test:hostile -- --only=records,webhooks`;

/**
 * Schemathesis in an environment of its own in this folder, installed when it is not there. Answers the program; throws
 * `ConfigError` with the remedy where there is no Python for it, or it cannot be installed.
 */
export const installSchemathesis = (folder: string, say: (line: string) => void): string => {
  const program = join(folder, 'bin', 'schemathesis');
  const stamp = join(folder, `.schemathesis-${version}`);
  if (existsSync(stamp)) return program;
  const given = process.env['PYTHON'];
  const candidates =
    given === undefined ? ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10'] : [given];
  const python = candidates.find(isRecentPython);
  if (python === undefined) throw new ConfigError(remedy);
  say(`http: installing schemathesis ${version} with ${python}; this happens once`);
  mkdirSync(folder, { recursive: true });
  const steps: [string, string[]][] = [
    [python, ['-m', 'venv', '--clear', folder]],
    [join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', `schemathesis==${version}`]],
  ];
  for (const [command, args] of steps) {
    const done = spawnSync(command, args, { encoding: 'utf8' });
    if (done.status !== 0) {
      const said = `${done.stderr}${done.stdout}`.trim().split('\n').slice(-5).join('\n');
      throw new ConfigError(`${remedy}\n\n${command} ${args.join(' ')} said:\n${said}`);
    }
  }
  writeFileSync(stamp, '');
  return program;
};
