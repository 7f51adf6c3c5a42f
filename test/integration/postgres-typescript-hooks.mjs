// Lets a child process of a test load the library's TypeScript sources: node --import ./this-file child.ts
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transformFile } from '@swc/core';

const LIBRARY = new URL('../../libs/session/src/', import.meta.url);
const ENTRIES = {
  'nest-sessions': 'index.ts',
  'nest-sessions/postgres': 'stores/postgres/index.ts',
  'nest-sessions/testing': 'testing/index.ts',
};

if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, next) {
  const entry = ENTRIES[specifier];
  if (entry) return next(new URL(entry, LIBRARY).href, context);
  const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts');
  return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const { code } = await transformFile(fileURLToPath(url), { swcrc: true, configFile: '.swcrc' });
  return { format: 'module', source: code, shortCircuit: true };
}
