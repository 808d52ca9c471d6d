/**
 * Stated schedules of shipped scenarios, for tests that need one run and not a search: test/schedules/ holds
 * replay blocks, each named after its scenario, which ships without one.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'schedules');

/** The scenarios that have a stated schedule here. */
export const scheduledNames = readdirSync(folder).map(name => name.replace('.txt', ''));

/** The text of a shipped scenario with its stated schedule. */
export function scheduledText(name: string): string {
  const shipped = readFileSync(`scenarios/${name}.mmu`, 'utf8');
  return shipped.replace(/^ {2}expect /m, `${readFileSync(join(folder, `${name}.txt`), 'utf8')}  expect `);
}

/** Writes it to a folder, under the name that it ships with; returns the path. */
export function scheduledFile(name: string, target: string): string {
  const path = join(target, `${name}.mmu`);
  writeFileSync(path, scheduledText(name));
  return path;
}
