import type { ModulesContainer } from '@nestjs/core';

/** What the cleanup job uses of the `SchedulerRegistry` of `@nestjs/schedule`, spelled without importing that package. */
export interface TimeoutRegistry {
  doesExist(type: 'timeout', name: string): boolean;
  getTimeout(name: string): unknown;
  addTimeout(name: string, timer: NodeJS.Timeout): void;
  /** Clears the timer as well. */
  deleteTimeout(name: string): void;
}

const TOKEN_NAME = 'SchedulerRegistry';
const METHODS: readonly (keyof TimeoutRegistry)[] = ['doesExist', 'getTimeout', 'addTimeout', 'deleteTimeout'];

/**
 * Finds the application's `SchedulerRegistry`; `undefined` without `ScheduleModule`.
 *
 * It goes by the name of the class, because the package is optional and an application may hold it in another copy or
 * module format than an import of ours would load.
 */
export function findSchedulerRegistry(modules: ModulesContainer): TimeoutRegistry | undefined {
  for (const { providers } of modules.values()) {
    for (const [token, { instance }] of providers) {
      if (typeof token === 'function' && token.name === TOKEN_NAME && isTimeoutRegistry(instance)) return instance;
    }
  }
  return undefined;
}

function isTimeoutRegistry(instance: unknown): instance is TimeoutRegistry {
  if (typeof instance !== 'object' || instance === null) return false;
  return METHODS.every((name) => typeof Reflect.get(instance, name) === 'function');
}
