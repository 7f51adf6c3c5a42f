// Lets Node run TypeScript sources of this repository: node --import ./scripts/typescript-hooks.mjs program.ts
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transformFile } from '@swc/core';

const ROOT = new URL('../', import.meta.url);

// As in tsconfig.json and jest.config.js.
const ALIASES = [
  [/^nest-sessions$/, 'libs/session/src/index.ts'],
  [/^nest-sessions\/store$/, 'libs/session/src/store.ts'],
  [/^nest-sessions\/(redis|postgres|hybrid)$/, 'libs/session/src/stores/$1/index.ts'],
  [/^nest-sessions\/testing$/, 'libs/session/src/testing/index.ts'],
  [/^#src\/(.*)\.js$/, 'libs/session/src/$1.ts'],
  [/^local-servers$/, 'libs/local-servers/src/index.ts'],
  [/^local-servers\/testing$/, 'libs/local-servers/src/testing/index.ts'],
];

if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, next) {
  const alias = ALIASES.find(([pattern]) => pattern.test(specifier));
  if (alias) return next(new URL(specifier.replace(...alias), ROOT).href, context);
  const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts');
  return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const configFile = fileURLToPath(new URL('.swcrc', ROOT));
  const { code } = await transformFile(fileURLToPath(url), { swcrc: true, configFile });
  return { format: 'module', source: code, shortCircuit: true };
}
