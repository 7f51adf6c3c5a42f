// Lets Node run TypeScript sources of this repository: node --import ./scripts/lib/typescript-hooks.mjs program.ts
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transformFile } from '@swc/core';

const ROOT = new URL('../../', import.meta.url);
const ENTRY = /^nest-sessions(?:\/(store|redis|postgres|hybrid|testing))?$/;

if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, next) {
  const entry = ENTRY.exec(specifier);
  if (entry) return next(new URL(`libs/session/src/${fileOf(entry[1])}`, ROOT).href, context);
  if (specifier.startsWith('#src/')) {
    return next(new URL(`libs/session/src/${specifier.slice(5).replace(/\.js$/, '.ts')}`, ROOT).href, context);
  }
  const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts');
  return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const configFile = fileURLToPath(new URL('.swcrc', ROOT));
  const { code } = await transformFile(fileURLToPath(url), { swcrc: true, configFile });
  return { format: 'module', source: code, shortCircuit: true };
}

function fileOf(name = 'index') {
  if (name === 'index' || name === 'store') return `${name}.ts`;
  return name === 'testing' ? 'testing/index.ts' : `stores/${name}/index.ts`;
}
