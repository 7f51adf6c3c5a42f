import { describe, expect, it } from '@jest/globals';
import { hybridStore } from 'nest-sessions/hybrid';
import { memoryStore, SessionConfigurationError } from 'nest-sessions';
import { postgresStore } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';

const redis = { url: 'redis://localhost' };

describe('options of stores that are refused where they are given', () => {
  // As JavaScript calls them, or TypeScript with values that came from elsewhere.
  const makers: Record<string, (...options: never[]) => unknown> = {
    redisStore,
    postgresStore,
    memoryStore,
    hybridStore,
  };

  it.each(['redisStore', 'postgresStore', 'memoryStore', 'hybridStore'])('%s: whatever is no object', (name) => {
    for (const options of [null, 'redis://localhost', [], 5]) {
      expect(() => makers[name]?.(options as never)).toThrow(SessionConfigurationError);
      expect(() => makers[name]?.(options as never)).toThrow(`${name} must be given an object of options`);
    }
  });

  it.each(['redisStore', 'hybridStore'])('%s: none at all', (name) => {
    expect(() => makers[name]?.()).toThrow(SessionConfigurationError);
  });

  it.each<[string, () => unknown, string]>([
    ['redisStore', () => redisStore({ ...redis, prefix: 'x' } as never), 'redisStore.prefix'],
    ['postgresStore', () => postgresStore({ tableName: 'x' } as never), 'postgresStore.tableName'],
    ['memoryStore', () => memoryStore({ max: 5 } as never), 'memoryStore.max'],
    ['hybridStore', () => hybridStore({ redis, durableKey: 'x' } as never), 'hybridStore.durableKey'],
    ['redisStore', () => hybridStore({ redis: { ...redis, ttl: 5 } } as never), 'redisStore.ttl'],
    ['postgresStore', () => hybridStore({ redis, postgres: { pool: 5 } } as never), 'postgresStore.pool'],
    // Only the durable side of a hybrid store has it.
    ['postgresStore', () => postgresStore({ expiryMargin: '1m' } as never), 'postgresStore.expiryMargin'],
  ])('%s: a name that means nothing', (maker, make, option) => {
    expect(make).toThrow(SessionConfigurationError);
    expect(make).toThrow(`${option} is not an option: ${maker} knows `);
  });

  it.each<[string, () => unknown, string]>([
    ['a pool size without a URL', () => postgresStore({ poolSize: 5 } as never), 'postgresStore.poolSize is for'],
    ['a long timeout', () => redisStore({ ...redis, operationTimeout: '2h' }), 'redisStore.operationTimeout must be'],
    ['a long start', () => redisStore({ ...redis, startTimeout: '30d' }), 'redisStore.startTimeout must be at most 1h'],
    ['a long period', () => hybridStore({ redis, breakerPeriod: '25d' }), 'hybridStore.breakerPeriod must be at most'],
    ['a long sweep', () => hybridStore({ redis, sweepInterval: '25d' }), 'hybridStore.sweepInterval must be at most'],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(SessionConfigurationError);
    expect(make).toThrow(message);
  });

  it('and none of those that there are', () => {
    const common = { operationTimeout: '1h', startTimeout: '1h' } as const;
    const tables = { schema: 's', table: 't', auditTable: 'a', userIdType: 'uuid' } as const;
    const postgres = {
      ...common,
      ...tables,
      preparedStatements: false,
      cleanUpTimeout: '1m',
      touchFlushInterval: '2s',
    } as const;
    expect(redisStore({ ...common, ...redis, tls: {}, keyPrefix: 'p' }).name).toBe('redis');
    expect(redisStore({ clientToken: 'REDIS' }).inject).toEqual(['REDIS']);
    expect(postgresStore({ ...postgres, url: 'postgres://x', poolSize: 3 }).name).toBe('postgres');
    expect(memoryStore({ maxSessions: 5, now: () => new Date() }).name).toBe('memory');
    const hybrid = { durableKeys: ['a'], breakerPeriod: '2s', sweepInterval: '2s', reconcileInterval: false } as const;
    expect(hybridStore({ redis, postgres: { ...postgres, dataSource: 'd', expiryMargin: '5m' }, ...hybrid }).name).toBe(
      'hybrid',
    );
  });
});
