import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { placeProcesses, processes } from '../../fleet/processes.ts';

describe('the processes of the fleet', () => {
  test('have a name of their own each', () => {
    const names = processes.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(processes.map(({ name, entry }) => [name, entry]))('%s has a program', (_name, entry) => {
    expect(existsSync(`${entry}.ts`)).toBe(true);
  });

  test('run once each with admin ports counted upwards', () => {
    const placed = placeProcesses(processes, { copies: 1, adminPort: 9464 });
    expect(placed.map(({ name }) => name)).toEqual(processes.map(({ name }) => name));
    expect(placed.map(({ adminPort }) => adminPort)).toEqual(processes.map((_, index) => 9464 + index));
  });

  test('copies consumers only, each copy with a name and a port of its own', () => {
    const placed = placeProcesses(processes, { copies: 3, adminPort: 9464 });
    const copiesOf = (kind: string): number => placed.filter((process) => process.kind === kind).length;
    const listed = (kind: string): number => processes.filter((process) => process.kind === kind).length;
    expect(copiesOf('consumer')).toBe(3 * listed('consumer'));
    for (const kind of ['ingress', 'ticker', 'simulator']) expect(copiesOf(kind)).toBe(listed(kind));
    expect(new Set(placed.map(({ name }) => name)).size).toBe(placed.length);
    expect(new Set(placed.map(({ adminPort }) => adminPort)).size).toBe(placed.length);
  });
});
