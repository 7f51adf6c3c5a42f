import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';

export const ROOT = resolve(import.meta.dirname, '../..');
export const LIBRARY = join(ROOT, 'libs/session/src');

export interface ModuleImport {
  /** As written: `./session.js`, `@nestjs/common`, `node:crypto`. */
  readonly specifier: string;
  /** For a relative import the file it means, below the same folder as the importing file's path; else `undefined`. */
  readonly file?: string;
  /** `import()` at run time, which loads nothing until it is reached. */
  readonly dynamic: boolean;
  /** `import type`, `export type`, or a type in the code: nothing of it is there at run time. */
  readonly isType?: boolean;
}

/** Every TypeScript source below a folder, specs aside, relative to it and with forward slashes. */
export function listSources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts') && !/(^|\/)(dist|node_modules)\//.test(path));
}

/** What a file imports, type imports and re-exports included. */
export function listImports(folder: string, file: string): ModuleImport[] {
  const path = join(folder, file);
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023, true);
  const imports: ModuleImport[] = [];
  const add = (specifier: string, { dynamic = false, isType = false }) =>
    imports.push({ specifier, dynamic, isType, file: resolveRelative(folder, path, specifier) });
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      if (ts.isStringLiteral(node.moduleSpecifier)) add(node.moduleSpecifier.text, { isType: isTypeOnly(node) });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      if (ts.isStringLiteral(node.argument.literal)) add(node.argument.literal.text, { isType: true });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument)) add(argument.text, { dynamic: true });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return imports;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isImportDeclaration(node)
    ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
    : node.isTypeOnly;
}

/** The packages that loading a file loads, through every file it statically imports. */
export function listReachablePackages(folder: string, entry: string): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const one of listImports(folder, file)) {
      if (one.dynamic) continue;
      if (one.file === undefined) packages.add(packageOf(one.specifier));
      else visit(one.file);
    }
  };
  visit(entry);
  return packages;
}

/** `@nestjs/common/internal` and `@nestjs/common` are both of `@nestjs/common`. */
export function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function resolveRelative(folder: string, from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const target = resolve(dirname(from), specifier).replace(/\.js$/, '.ts');
  return relative(folder, target).split(sep).join('/');
}
