import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { scenario, type Scenario } from './scenario.ts';

/** Reads a scenario file. Throws an error whose message names every fault. */
export const readScenario = (path: string): Scenario => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new Error(`the scenario ${path} cannot be read`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is no JSON: ${error instanceof Error ? error.message : ''}`);
  }
  const parsed = scenario.safeParse(json);
  if (!parsed.success) throw new Error(`${path} is no scenario:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
};
