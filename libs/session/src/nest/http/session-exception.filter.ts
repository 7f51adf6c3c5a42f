import { Catch, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { SessionError } from '../../core/session/session-errors.js';
import { ApplicationFilters } from './application-filters.js';
import { findHttpCall } from '../request/http-call.js';
import { SessionHttpErrors } from './session-http-errors.js';

/**
 * Answers session errors that handlers, guards and pipes throw.
 *
 * Filters of a handler, a controller and `useGlobalFilters` run before this one and see the session error itself. Nest would
 * call filters provided as `APP_FILTER` after this one, so it calls them itself: a filter for session errors gets the error,
 * a filter for everything or for `HttpException` gets the HTTP exception.
 */
@Catch(SessionError)
export class SessionExceptionFilter extends BaseExceptionFilter {
  constructor(
    private readonly errors: SessionHttpErrors,
    private readonly applicationFilters: ApplicationFilters,
  ) {
    super();
  }

  override catch(error: SessionError, host: ArgumentsHost): unknown {
    const special = this.applicationFilters.findForSessionError(error, this);
    if (special) return special.answer(error, host);
    const isHttp = host.getType() === 'http';
    const answer = findHttpCall(host) ? (this.errors.findException(error, host) ?? error) : error;
    const general = this.applicationFilters.findFor(answer, this);
    if (general) return general.answer(answer, host);
    // The GraphQL driver converts thrown errors, HTTP exceptions included.
    if (!isHttp) throw answer;
    // oxlint-disable-next-line promise/valid-params -- not a promise
    return super.catch(answer, host);
  }
}
