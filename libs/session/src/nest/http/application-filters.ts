import { Injectable, type ArgumentsHost, type ExceptionFilter, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { SessionError } from '../../core/session/session-errors.js';

export interface ApplicationFilter {
  /** What its `@Catch()` names; empty: everything. */
  readonly catches: readonly Type<unknown>[];
  readonly answer: (exception: unknown, host: ArgumentsHost) => unknown;
}

/** Where Nest's `@Catch()` keeps its arguments. */
const CATCH_KEY = '__filterCatchExceptions__';

/** The filters that the application provides as `APP_FILTER`. */
@Injectable()
export class ApplicationFilters {
  private known: readonly ApplicationFilter[] | undefined;

  constructor(private readonly modules: ModulesContainer) {}

  /**
   * A filter made for session errors, or for one kind of them.
   *
   * @param asking - The filter that asks, which is one of them itself.
   */
  findForSessionError(error: SessionError, asking: ExceptionFilter): ApplicationFilter | undefined {
    return this.list(asking).find(({ catches }) =>
      catches.some((type) => error instanceof type && isSessionErrorType(type)),
    );
  }

  /** Whichever filter takes this exception, catch-all ones included. */
  findFor(exception: unknown, asking: ExceptionFilter): ApplicationFilter | undefined {
    return this.list(asking).find(
      ({ catches }) => catches.length === 0 || catches.some((type) => exception instanceof type),
    );
  }

  /** In the order in which Nest asks them. */
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
