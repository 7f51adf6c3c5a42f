import { Catch, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { SessionError } from '../../core/session/session-errors.js';
import { ApplicationFilters } from './application-filters.js';
import { findHttpCall } from '../request/http-call.js';
import { SessionHttpErrors } from './session-http-errors.js';

/**
 * Answers session errors that handlers, guards and pipes let through.
 *
 * Filters bound to a handler or controller and those of `useGlobalFilters` come before this one and see the session error
 * itself. Those given as `APP_FILTER` Nest would ask after this one, so it asks them: one that catches session errors gets
 * the error, one that catches everything or `HttpException` gets the HTTP exception.
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
    // GraphQL's driver makes its errors of what is thrown, HTTP exceptions among it.
    if (!isHttp) throw answer;
    // oxlint-disable-next-line promise/valid-params -- not a promise
    return super.catch(answer, host);
  }
}
