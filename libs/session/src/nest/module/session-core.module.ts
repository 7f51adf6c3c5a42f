import { ConfigurableModuleBuilder, Logger, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { WatchedSessionStore } from '../../core/events/watched-session.store.js';
import { createSessionService } from '../../core/service/create-session-service.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { SessionService } from '../../core/service/session-service.js';
import type { SessionDependencyToken } from '../../core/ports/store-definition.js';
import { SessionCleanup } from '../cleanup/session-cleanup.js';
import { SessionCleanupSchedule } from '../cleanup/session-cleanup.schedule.js';
import { CsrfProtection } from '../cross-site/csrf-protection.js';
import { CsrfGuard } from '../guards/csrf.guard.js';
import { ResourceIsolation } from '../cross-site/resource-isolation.js';
import { OpenConnections } from '../connections/open-connections.js';
import { OpenResponses } from '../connections/open-responses.js';
import { SessionGuard } from '../guards/session.guard.js';
import { ApplicationFilters } from '../http/application-filters.js';
import { HttpSessions } from '../http/http-sessions.js';
import { SessionCookies } from '../transport/session-cookies.js';
import { SessionExceptionFilter } from '../http/session-exception.filter.js';
import { SessionHttpErrors } from '../http/session-http-errors.js';
import { SessionTransports } from '../transport/session-transports.js';
import { SessionShutdown } from './session-shutdown.js';
import type { SessionModuleAsyncOptions, SessionModuleOptions } from '../options/session-module-options.interface.js';
import { resolveSessionSettings, type SessionSettings } from '../options/session-settings.js';
import { SessionSockets } from '../sockets/session-sockets.js';
import { SessionPolicyDescription } from '../policy/session-policy-description.js';
import {
  LOG_CONTEXT,
  SESSION_CORE,
  SESSION_OPTIONS,
  SESSION_SETTINGS,
  SESSION_STORE,
} from '../options/session.constants.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<SessionModuleOptions>({
  optionsInjectionToken: SESSION_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createSessionOptions')
  .build();

/** All providers except the start. Not global, see `SessionShutdown`. */
@Module({
  providers: [
    { provide: SESSION_SETTINGS, inject: [SESSION_OPTIONS], useFactory: resolveSessionSettings },
    { provide: SESSION_CORE, inject: [SESSION_SETTINGS, SESSION_STORE], useFactory: createCore },
    {
      provide: SessionService,
      inject: [SESSION_CORE],
      useFactory: (core: ReturnType<typeof createCore>) => core.service,
    },
    { provide: APP_FILTER, useClass: SessionExceptionFilter },
    { provide: APP_GUARD, useExisting: CsrfGuard },
    ApplicationFilters,
    CsrfGuard,
    CsrfProtection,
    HttpSessions,
    OpenConnections,
    OpenResponses,
    ResourceIsolation,
    SessionCleanup,
    SessionCleanupSchedule,
    SessionCookies,
    SessionGuard,
    SessionHttpErrors,
    SessionPolicyDescription,
    SessionShutdown,
    SessionSockets,
    SessionTransports,
  ],
  exports: [
    SESSION_OPTIONS,
    SESSION_SETTINGS,
    SESSION_STORE,
    SessionService,
    HttpSessions,
    SessionCleanup,
    SessionGuard,
    SessionHttpErrors,
    SessionSockets,
    SessionPolicyDescription,
  ],
})
export class SessionCoreModule extends ConfigurableModuleClass {
  static override forRoot(options: SessionModuleOptions): DynamicModule {
    return withStore(super.forRoot(options), provideStore(options?.store?.inject ?? []));
  }

  static override forRootAsync(options: SessionModuleAsyncOptions): DynamicModule {
    return withStore(super.forRootAsync(options), provideStore([], assertNothingToInject));
  }
}

function withStore(definition: DynamicModule, store: Provider): DynamicModule {
  return { ...definition, providers: [...(definition.providers ?? []), store] };
}

function provideStore(
  inject: readonly SessionDependencyToken[],
  check: (settings: SessionSettings) => void = () => undefined,
): Provider<WatchedSessionStore> {
  return {
    provide: SESSION_STORE,
    inject: [SESSION_SETTINGS, ...inject],
    useFactory: async (settings: SessionSettings, ...dependencies: unknown[]) => {
      check(settings);
      const { store, retentionMs, auditRetentionMs } = settings;
      const logger = new Logger(LOG_CONTEXT);
      return new WatchedSessionStore(await store.create({ logger, retentionMs, auditRetentionMs }, ...dependencies));
    },
  };
}

/** The factory returned the store after Nest resolved the providers: too late to inject anything more. */
function assertNothingToInject({ store }: SessionSettings): void {
  if (store.inject.length === 0) return;
  const tokens = store.inject.map((token) => (typeof token === 'function' ? token.name : String(token))).join(', ');
  throw new SessionConfigurationError(
    'store',
    `needs ${tokens}, which forRootAsync cannot inject into it. Inject it into the factory and pass it on, ` +
      'as in "inject: [DataSource], useFactory: (dataSource) => ({ store: postgresStore({ dataSource }) })"',
  );
}

function createCore({ policy, tokenKeys, ipAddresses, onAnomaly }: SessionSettings, store: WatchedSessionStore) {
  const { toStored: toStoredIpAddress } = ipAddresses;
  const logger = new Logger(LOG_CONTEXT);
  return createSessionService({ store, policy, tokenKeys, toStoredIpAddress, onAnomaly, logger });
}
