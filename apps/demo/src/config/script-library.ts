import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findProjectRoot } from './project-root.js';

/** Loads a module of `scripts/lib`: by its path, because the build does not copy it beside the compiled application. */
export async function importScript<Module>(file: string): Promise<Module> {
  const path = join(findProjectRoot(), 'scripts', 'lib', file);
  return (await import(pathToFileURL(path).href)) as Module;
}
