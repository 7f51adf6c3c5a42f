import { Catch, HttpException, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { prefersPage, type PageRequest } from './page-request.js';
import { Pages } from './pages.service.js';
import { problemPage } from './problem-pages.js';

/** For what no page controller handles, such as an unknown address: a page for browsers, JSON for the rest. */
@Catch(HttpException)
export class HttpExceptionFilter extends BaseExceptionFilter {
  constructor(
    adapterHost: HttpAdapterHost,
    private readonly pages: Pages,
  ) {
    super(adapterHost.httpAdapter);
  }

  override catch(exception: HttpException, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const status = exception.getStatus();
    // A redirection of `SessionGuard` has its header already.
    // oxlint-disable-next-line promise/valid-params -- the base filter, not a promise
    if (status < 400 || !prefersPage(http.getRequest<PageRequest>())) super.catch(exception, host);
    else this.pages.show(http.getResponse<unknown>(), problemPage(status));
  }
}
