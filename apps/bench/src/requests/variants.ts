export const STORES = ['none', 'memory', 'redis', 'postgres', 'hybrid'] as const;
export type StoreName = (typeof STORES)[number];

/** Limits, which check a session by one bare command or statement, and other libraries. */
export const PEER_VARIANTS = [
  'hmget',
  'select',
  'express-session-redis',
  'express-session-pg',
  'fastify-session',
  'fastify-session-rolling',
  'typeorm',
  'better-auth-redis',
  'better-auth-postgres',
] as const;
export type PeerVariant = (typeof PEER_VARIANTS)[number];

export type VariantName = StoreName | PeerVariant;

export function isPeer(name: VariantName): name is PeerVariant {
  return (PEER_VARIANTS as readonly string[]).includes(name);
}

export interface ServerSettings {
  /** Unique in a run: schema, key prefix and label of the row. */
  readonly name: string;
  /** `none`: the same application, asked for a route without a guard. */
  readonly store: VariantName;
  readonly adapter: 'fastify' | 'express';
  /** Folder of the library's ES modules: `libs/session/dist/esm` of this or another checkout. */
  readonly library: string;
  readonly redisUrl: string;
  readonly postgresUrl: string;
  /** How many users are signed in; requests take turns with their cookies. */
  readonly users: number;
}

/** The route that a variant is asked for. */
export function routeOf(store: VariantName): string {
  return store === 'none' ? '/open' : '/guarded';
}
