import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { ROOT } from './module-graph.js';

const DOCS = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
const LIBRARY = 'libs/session/src';

const FILES = [LIBRARY, 'libs/local-servers/src', 'scripts', 'test', 'apps']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  )
  .map((path) => `/${path.split(sep).join('/')}`)
  .filter((path) => !path.includes('/node_modules/'));

/** What stands in backticks, blocks of code aside. */
function listQuoted(markdown: string): string[] {
  return [...markdown.replaceAll(/```[^]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, text]) => String(text));
}

/** Source files, by their whole path or the end of it. */
function listFiles(markdown: string): string[] {
  return [...new Set(listQuoted(markdown).filter((text) => /^[\w./-]+\.(ts|mjs|lua)$/.test(text)))];
}

/** Folders of the library and of the repository: at least two words, the first of them the name of a room. */
function listFolders(markdown: string): string[] {
  const rooms = /^(core|nest|stores|testing|memory|redis|postgres|hybrid|test|apps|libs|scripts)(\/[\w-]+)+\/?$/;
  return [...new Set(listQuoted(markdown).filter((text) => rooms.test(text)))];
}

function isFile(path: string): boolean {
  return FILES.some((file) => file.endsWith(`/${path}`));
}

function isFolder(path: string): boolean {
  return [LIBRARY, `${LIBRARY}/stores`, '.'].some((folder) => existsSync(join(ROOT, folder, path)));
}

describe('docs/architecture.md', () => {
  it('names only files that exist', () => {
    const files = listFiles(DOCS);
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((path) => !isFile(path))).toEqual([]);
  });

  it('names only folders that exist', () => {
    const folders = listFolders(DOCS);
    expect(folders.length).toBeGreaterThan(5);
    expect(folders.filter((path) => !isFolder(path))).toEqual([]);
  });

  it('is read so that a file or folder that has moved would be found', () => {
    const stale = 'See `core/moved.ts`, `moved.lua`, `nest/moved`, `a_name`, `@nestjs/common` and `core/session`.';
    expect(listFiles(stale).filter((path) => !isFile(path))).toEqual(['core/moved.ts', 'moved.lua']);
    expect(listFolders(stale).filter((path) => !isFolder(path))).toEqual(['nest/moved']);
  });

  it('lists every folder of the library in its layout', () => {
    const layout = DOCS.slice(DOCS.indexOf('```'), DOCS.indexOf('apps/demo/'));
    const folders = FILES.filter((file) => file.startsWith(`/${LIBRARY}/`) && file.endsWith('.ts'))
      .map((file) => file.split('/').at(-2))
      .filter((name) => name !== undefined && !['src', 'memory', 'redis', 'postgres', 'hybrid'].includes(name));
    const missing = [...new Set(folders)].filter((name) => !new RegExp(`\\b${name}/`).test(layout));
    expect(missing.filter((name) => !['world', 'contract'].includes(String(name)))).toEqual([]);
  });
});
