import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SessionStoreUnavailableError } from 'nest-sessions';
import { OutageLog } from './outage-log.js';
import { Pages } from './pages.service.js';
import { problemPage } from './problem-pages.js';
import { holdsSessionCookie, requestPath, type PageRequest } from './page-request.js';
import { missingFromBody, pageForRefusal, type Missing } from './refusal-pages.js';
import { returnPathOf, returnPathOfForm } from './return-path.js';

const RETRY_AFTER_SECONDS = '5';

/**
 * Answers the exceptions of page controllers and their guards. The answer is the page that asks for the missing proof, or a
 * page that describes the problem.
 *
 * Convention: a form posts to the address of its page, so that a refused user can return there. The exception is the list
 * of sessions: each action has a page at its own path plus `/confirm`.
 */
@Catch()
export class PageExceptionFilter implements ExceptionFilter {
  private readonly logger = new Logger(PageExceptionFilter.name);

  constructor(
    private readonly pages: Pages,
    private readonly outages: OutageLog,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<PageRequest>();
    const response = http.getResponse<unknown>();
    const status = statusOf(error);
    if (error instanceof HttpException && status < 400) {
      // Where to is in the header that `SessionGuard` has set.
      this.adapterHost.httpAdapter.reply(response, error.getResponse(), status);
      return;
    }
    if (error instanceof HttpException && status === 401) {
      this.pages.redirect(response, this.pageThatAsks(request, missingFromBody(error.getResponse())));
      return;
    }
    if (status === 503) {
      this.adapterHost.httpAdapter.setHeader(response, 'Retry-After', RETRY_AFTER_SECONDS);
      this.outages.report(error);
    } else if (status >= 500) {
      this.logger.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    this.pages.show(response, problemPage(status, { isVisitor: !holdsSessionCookie(request) }));
  }

  private pageThatAsks(request: PageRequest, missing: Missing): `/${string}` {
    const url = this.adapterHost.httpAdapter.getRequestUrl(request);
    if (request.method !== 'POST') return pageForRefusal(missing, returnPathOf(url));
    const path = requestPath(url);
    if (missing === 'proof' && path.startsWith('/sessions/')) return `${path}/confirm`;
    return pageForRefusal(missing, returnPathOfForm(url));
  }
}

function statusOf(error: unknown): number {
  if (error instanceof SessionStoreUnavailableError) return 503;
  return error instanceof HttpException ? error.getStatus() : 500;
}
