import { describeValue } from './option-checks.js';
import type { ClearSiteData } from './session-module-options.interface.js';

const TYPES: readonly ClearSiteData[] = ['cache', 'cookies', 'storage', 'executionContexts'];

/** What is wrong with a list of types, in words for after its name; `undefined` when nothing is. */
export function findClearSiteDataProblem(types: unknown): string | undefined {
  const choices = `must be an array of ${TYPES.map((type) => `'${type}'`).join(', ')}, each once`;
  if (!Array.isArray(types)) return `${choices}, but is ${describeValue(types)}`;
  const wrong: unknown = types.find(
    (type, index) => !TYPES.includes(type as ClearSiteData) || types.indexOf(type) !== index,
  );
  return wrong === undefined && !types.includes(undefined) ? undefined : `${choices}, but has ${describeValue(wrong)}`;
}

/** The header's value: every type is a quoted string, and browsers ignore one that is not. */
export function formatClearSiteData(types: readonly ClearSiteData[]): string {
  return types.map((type) => `"${type}"`).join(', ');
}
