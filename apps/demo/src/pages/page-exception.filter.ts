import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SessionStoreUnavailableError } from 'nest-sessions';
import { landingFor } from './landing-pages.js';
import { OutageLog } from './outage-log.js';
import { Pages } from './pages.service.js';
import { problemPage } from './problem-pages.js';
import { holdsSessionCookie, requestPath, type PageRequest } from './page-request.js';

const RETRY_AFTER_SECONDS = '5';

/**
 * Answers what page controllers and their guards throw: the sign-in page, the question for the password, or a page that
 * says what is wrong.
 *
 * Convention: an action that needs a fresh session has a page at its own path plus `/confirm`.
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
    const path = requestPath(this.adapterHost.httpAdapter.getRequestUrl(request));
    const status = statusOf(error);
    if (status === 401) {
      if (isReauthenticationRequired(error)) this.pages.redirect(response, `${path}/confirm`);
      else this.askToSignIn(request, response, path);
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

  private askToSignIn(request: PageRequest, response: unknown, path: string): void {
    const landing = landingFor(path);
    const signIn = landing === 'account' ? '/sign-in' : (`/sign-in?next=${landing}` as const);
    if (holdsSessionCookie(request)) this.pages.redirect(response, signIn, 'session-over');
    else this.pages.redirect(response, signIn, path === '/' ? undefined : 'sign-in-required');
  }
}

function statusOf(error: unknown): number {
  if (error instanceof SessionStoreUnavailableError) return 503;
  return error instanceof HttpException ? error.getStatus() : 500;
}

function isReauthenticationRequired(error: unknown): boolean {
  const body = error instanceof HttpException ? error.getResponse() : undefined;
  return typeof body === 'object' && 'error' in body && body.error === 'reauth_required';
}
