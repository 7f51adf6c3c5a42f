import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Eta } from 'eta';
import { join } from 'node:path';
import { AssetLibrary } from './asset-library.js';
import type { NoticeKey } from './notices.js';
import type { PageFrame, ViewName, Views } from './views.js';

const TEMPLATES = join(import.meta.dirname, 'templates');

export interface Page<Name extends ViewName> extends PageFrame {
  readonly view: Name;
  readonly model: Views[Name];
  /** Default 200. */
  readonly status?: number;
}

/** Answers with pages and redirects, on Express and Fastify alike. */
@Injectable()
export class Pages {
  private readonly eta = new Eta({ views: TEMPLATES, cache: true });

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly assets: AssetLibrary,
  ) {}

  /** @param response - The adapter's own, from `@Res()`. */
  show<Name extends ViewName>(response: unknown, { view, model, status = 200, ...frame }: Page<Name>): void {
    const html = this.eta.render(view, { ...model, ...this.assets.paths, frame });
    const { httpAdapter } = this.adapterHost;
    httpAdapter.setHeader(response, 'Content-Type', 'text/html; charset=utf-8');
    httpAdapter.reply(response, html, status);
  }

  /** 303: whatever the method was, the browser gets the new page. `path` must be one of our own, never from a request. */
  redirect(response: unknown, path: `/${string}`, notice?: NoticeKey): void {
    const separator = path.includes('?') ? '&' : '?';
    this.adapterHost.httpAdapter.redirect(response, 303, notice ? `${path}${separator}notice=${notice}` : path);
  }
}
