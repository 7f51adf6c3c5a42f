import { Module, type DynamicModule } from '@nestjs/common';
import { SessionStartup } from './session-startup.js';
import { assertFlag, assertObject } from '../options/option-checks.js';
import type {
  SessionModuleAsyncOptions,
  SessionModuleRootOptions,
} from '../options/session-module-options.interface.js';
import { SessionCoreModule } from './session-core.module.js';

/**
 * Server-side sessions. Set it up once, in the root module. It is global, so other modules need not import it.
 *
 * Boot fails with `SessionConfigurationError` when an option is wrong, and with the store's own error when the store cannot
 * be used.
 *
 * @example
 * @Module({
 *   imports: [
 *     SessionModule.forRoot({
 *       store: redisStore({ url: 'redis://localhost:6379' }),
 *       idleTimeout: '30m',
 *       absoluteTimeout: '12h',
 *     }),
 *   ],
 * })
 * class AppModule {}
 *
 * @see The section "First five minutes" of the README.
 */
@Module({})
// eslint-disable-next-line typescript/no-extraneous-class -- Nest configures modules by static methods
export class SessionModule {
  /** Nest injects the providers that the store names, such as a `DataSource`. They must be global and singletons. */
  static forRoot(options: SessionModuleRootOptions): DynamicModule {
    const { isGlobal, rest } = takeIsGlobal(options);
    return surround(SessionCoreModule.forRoot(rest), isGlobal);
  }

  /**
   * Takes the options from a factory. Inject the store's dependencies into the factory and pass them to the store.
   *
   * @example
   * SessionModule.forRootAsync({
   *   inject: [ConfigService, DataSource],
   *   useFactory: (config: ConfigService, dataSource: DataSource) => ({
   *     store: postgresStore({ dataSource }),
   *     idleTimeout: config.get('IDLE_TIMEOUT'),
   *   }),
   * });
   */
  static forRootAsync(options: SessionModuleAsyncOptions): DynamicModule {
    const { isGlobal, rest } = takeIsGlobal(options);
    return surround(SessionCoreModule.forRootAsync(rest), isGlobal);
  }
}

function takeIsGlobal<Options extends { readonly isGlobal?: boolean }>(options: Options) {
  assertObject(options, 'options');
  const { isGlobal = true, ...rest } = options;
  assertFlag(isGlobal, 'isGlobal');
  return { isGlobal, rest };
}

function surround(core: DynamicModule, isGlobal: boolean): DynamicModule {
  return { module: SessionModule, global: isGlobal, imports: [core], providers: [SessionStartup], exports: [core] };
}
