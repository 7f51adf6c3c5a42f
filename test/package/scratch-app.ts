import { execa } from 'execa';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Packs the built library as npm would publish it. @returns The tarball's path. */
export async function packLibrary(folder: string): Promise<string> {
  const { stdout } = await execa('npm', ['pack', './libs/session', '--json', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  if (!packed) throw new Error(`npm pack printed no file name: ${stdout}`);
  return join(folder, packed.filename);
}

/** The version of a package that this workspace has installed. */
export async function installedVersion(name: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

export interface ScratchAppOptions {
  readonly type: 'module' | 'commonjs';
  /** Package specifiers for `npm install`, the library's tarball among them. */
  readonly packages: readonly string[];
  /** Part of the manifest that npm itself reads. */
  readonly overrides?: Record<string, unknown>;
}

/** An application of its own in a folder far from this workspace, so that nothing resolves into it by accident. */
export class ScratchApp {
  private constructor(readonly folder: string) {}

  static async install({ type, packages, overrides }: ScratchAppOptions): Promise<ScratchApp> {
    const app = new ScratchApp(await mkdtemp(join(tmpdir(), 'nest-sessions-app-')));
    await app.write(
      'package.json',
      JSON.stringify({ name: 'scratch', version: '1.0.0', private: true, type, overrides }),
    );
    await app.write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'ES2023',
          strict: true,
          experimentalDecorators: true,
          emitDecoratorMetadata: true,
          skipLibCheck: true,
          types: ['node'],
          rootDir: 'src',
          outDir: 'dist',
        },
        include: ['src'],
      }),
    );
    await execa('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: app.folder });
    await mkdir(join(app.folder, 'src'));
    for (const file of ['app.ts', 'own-store.ts']) await app.addFixture(file);
    return app;
  }

  /** Adds another file of `fixtures` to `src`. */
  async addFixture(file: string): Promise<void> {
    await copyFile(join(import.meta.dirname, 'fixtures', file), join(this.folder, 'src', file));
  }

  /** Takes a package away again, as if it had not been installed. */
  async removePackage(name: string): Promise<void> {
    await rm(join(this.folder, 'node_modules', name), { recursive: true });
  }

  async write(file: string, text: string): Promise<void> {
    await writeFile(join(this.folder, file), text);
  }

  /** Type-checks and compiles `src` with this workspace's compiler. Rejects with its messages. */
  async compile(): Promise<void> {
    await execa(process.execPath, [TSC, '-p', 'tsconfig.json'], { cwd: this.folder, all: true });
  }

  /** Runs a compiled program that prints one line of JSON last. */
  async run(file: string, env: Record<string, string> = {}): Promise<unknown> {
    const { stdout } = await execa(process.execPath, [join('dist', file)], { cwd: this.folder, env, timeout: 60_000 });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
