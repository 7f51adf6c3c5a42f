import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the project, from the sources and from what the build made of them alike. */
export function findProjectRoot(from = import.meta.dirname): string {
  if (existsSync(join(from, 'nest-cli.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('the demo runs inside its project folder only: no nest-cli.json above it');
  return findProjectRoot(parent);
}
