import { Module, type DynamicModule } from '@nestjs/common';
import { SessionStartup } from './session-startup.js';
import { assertFlag, assertObject } from '../options/option-checks.js';
import type {
  SessionModuleAsyncOptions,
  SessionModuleRootOptions,
} from '../options/session-module-options.interface.js';
import { SessionCoreModule } from './session-core.module.js';

/**
 * Server-side sessions. Set it up once, in the root module; being global it need not be imported elsewhere.
 *
 * Boot fails with `SessionConfigurationError` when an option is wrong, and with what the store says when it cannot be used.
 */
@Module({})
// eslint-disable-next-line typescript/no-extraneous-class -- Nest configures modules by static methods
export class SessionModule {
  /** With a store that names providers, such as a `DataSource`, Nest injects them; they must be global or have no scope. */
  static forRoot(options: SessionModuleRootOptions): DynamicModule {
    const { isGlobal, rest } = takeIsGlobal(options);
    return surround(SessionCoreModule.forRoot(rest), isGlobal);
  }

  /** The store must not name providers here: inject them into the factory and hand them to the store. */
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
