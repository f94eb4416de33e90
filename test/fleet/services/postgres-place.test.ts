import { describe, expect, test } from '@jest/globals';
import { closedFolder } from '../../../fleet/services/postgres-place.ts';

const postgres = { uid: 101, gid: 104 };
const root = { uid: 0, gid: 0 };

const onTree =
  (tree: Readonly<Record<string, { readonly uid: number; readonly gid: number; readonly mode: number }>>) =>
  (who: typeof postgres): string | undefined =>
    closedFolder('/home/ann/mailfleet', who, (folder) => tree[folder]);

describe('the way of another user to our folders', () => {
  const open = { ...root, mode: 0o40755 };

  test('is open through folders that all may pass', () => {
    const closed = onTree({ '/': open, '/home': open, '/home/ann': open });
    expect(closed(postgres)).toBeUndefined();
  });

  test('is closed by the outermost folder that only its owner may pass', () => {
    const shut = { uid: 1000, gid: 1000, mode: 0o40700 };
    const closed = onTree({ '/': open, '/home': open, '/home/ann': shut, '/home/ann/mailfleet': shut });
    expect(closed(postgres)).toBe('/home/ann');
    expect(closed({ uid: 1000, gid: 1000 })).toBeUndefined();
    expect(closed(root)).toBeUndefined();
  });

  test('goes by the group where the user is of it, even when all others may pass', () => {
    const odd = { uid: 0, gid: 104, mode: 0o40701 };
    expect(onTree({ '/home/ann': odd })(postgres)).toBe('/home/ann');
    expect(onTree({ '/home/ann': { ...odd, mode: 0o40710 } })(postgres)).toBeUndefined();
  });
});
