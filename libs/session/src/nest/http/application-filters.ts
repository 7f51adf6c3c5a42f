import { Injectable, type ArgumentsHost, type ExceptionFilter, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { SessionError } from '../../core/session/session-errors.js';

export interface ApplicationFilter {
  /** The types that its `@Catch()` names. Empty: everything. */
  readonly catches: readonly Type<unknown>[];
  readonly answer: (exception: unknown, host: ArgumentsHost) => unknown;
}

/** The metadata key of Nest's `@Catch()`. */
const CATCH_KEY = '__filterCatchExceptions__';

/** The filters that the application provides as `APP_FILTER`. */
@Injectable()
export class ApplicationFilters {
  private known: readonly ApplicationFilter[] | undefined;

  constructor(private readonly modules: ModulesContainer) {}

  /**
   * Finds a filter for session errors, or for one kind of them.
   *
   * @param asking - The calling filter, which is provided in the same way.
   */
  findForSessionError(error: SessionError, asking: ExceptionFilter): ApplicationFilter | undefined {
    return this.list(asking).find(({ catches }) =>
      catches.some((type) => error instanceof type && isSessionErrorType(type)),
    );
  }

  /** Finds a filter for this exception, catch-all filters included. */
  findFor(exception: unknown, asking: ExceptionFilter): ApplicationFilter | undefined {
    return this.list(asking).find(
      ({ catches }) => catches.length === 0 || catches.some((type) => exception instanceof type),
    );
  }

  /** Lists them in the order in which Nest calls them. */
  private list(asking: ExceptionFilter): readonly ApplicationFilter[] {
    return (this.known ??= [...this.modules.values()]
      .flatMap((module) => [...module.providers.values()])
      .filter((wrapper) => wrapper.subtype === 'filter' && wrapper.isDependencyTreeStatic())
      .map((wrapper) => wrapper.instance as ExceptionFilter)
      .filter((filter) => filter !== asking)
      .map((filter) => ({ catches: catchesOf(filter), answer: filter.catch.bind(filter) }))
      .toReversed());
  }
}

function isSessionErrorType(type: Type<unknown>): boolean {
  return Object.is(type, SessionError) || type.prototype instanceof SessionError;
}

function catchesOf(filter: ExceptionFilter): readonly Type<unknown>[] {
  const catches: unknown = Reflect.getMetadata(CATCH_KEY, filter.constructor);
  return Array.isArray(catches) ? (catches as Type<unknown>[]) : [];
}
