import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface Asset {
  readonly body: string;
  readonly contentType: string;
  /** Changes with the content. */
  readonly version: string;
}

const SOURCES = {
  'pico.css': createRequire(import.meta.url).resolve('@picocss/pico/css/pico.min.css'),
  'demo.css': join(import.meta.dirname, 'assets', 'demo.css'),
  'icon.svg': join(import.meta.dirname, 'assets', 'icon.svg'),
};

type AssetName = keyof typeof SOURCES;

/** The few static files, read once. */
@Injectable()
export class AssetLibrary {
  private readonly assets = new Map(Object.entries(SOURCES).map(([name, path]) => [name, readAsset(path)]));

  /** Paths for the templates. The version makes them cacheable for ever. */
  readonly paths = {
    stylesheets: [this.pathOf('pico.css'), this.pathOf('demo.css')],
    icon: this.pathOf('icon.svg'),
  };

  find(name: string): Asset | undefined {
    return this.assets.get(name);
  }

  private pathOf(name: AssetName): string {
    return `/assets/${name}?v=${this.assets.get(name)?.version}`;
  }
}

function readAsset(path: string): Asset {
  const body = readFileSync(path, 'utf8');
  return {
    body,
    contentType: path.endsWith('.svg') ? 'image/svg+xml' : 'text/css; charset=utf-8',
    version: createHash('sha256').update(body).digest('hex').slice(0, 12),
  };
}
