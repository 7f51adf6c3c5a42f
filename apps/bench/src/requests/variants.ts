export const STORES = ['none', 'memory', 'redis', 'postgres', 'hybrid'] as const;
export type StoreName = (typeof STORES)[number];

export interface ServerSettings {
  /** Unique in a run: schema, key prefix and label of the row. */
  readonly name: string;
  /** `none`: the same application, asked for a route without a guard. */
  readonly store: StoreName;
  readonly adapter: 'fastify' | 'express';
  /** Folder of the library's ES modules: `libs/session/dist/esm` of this or another checkout. */
  readonly library: string;
  readonly redisUrl: string;
  readonly postgresUrl: string;
  /** How many users are signed in; requests take turns with their cookies. */
  readonly users: number;
}

/** The route that a variant is asked for. */
export function routeOf(store: StoreName): string {
  return store === 'none' ? '/open' : '/guarded';
}
