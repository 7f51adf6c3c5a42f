import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { surround } from './readme-surroundings.js';

const ROOT = new URL('../../', import.meta.url).pathname;
const TIMEOUT_MS = 120_000;

/** Snippets as files beside this one, by their names. */
function listSnippets(): Map<string, string> {
  const blocks = readFileSync(`${ROOT}README.md`, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm);
  return new Map(
    [...blocks].map(([, code = ''], index) => [`${ROOT}test/architecture/snippet-${index + 1}.ts`, surround(code)]),
  );
}

function findErrors(files: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, { ...ts.sys, readDirectory: () => [] }, ROOT);
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  const { getSourceFile } = host;
  host.getSourceFile = (name, target, ...rest) => {
    const text = files.get(name);
    return text === undefined ? getSourceFile(name, target, ...rest) : ts.createSourceFile(name, text, target);
  };
  const program = ts.createProgram([...files.keys()], { ...options, noEmit: true }, host);
  return [...files.keys()].flatMap((name) => {
    const file = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(({ messageText, start = 0 }) => {
      const line = file?.text.slice(file.text.lastIndexOf('\n', start) + 1).split('\n', 1)[0];
      return `${line?.trim()}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  });
}

describe('the snippets of the readme', () => {
  it(
    'compile as they are printed',
    () => {
      const files = listSnippets();
      expect(files.size).toBeGreaterThan(20);
      expect(findErrors(files)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
