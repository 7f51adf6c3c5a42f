import { describe, expect, it } from '@jest/globals';
import { Global, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  HttpSessions,
  memoryStore,
  SESSION_OPTIONS,
  SESSION_STORE,
  SessionCleanup,
  SessionGuard,
  SessionModule,
  SessionService,
  SessionStoreUnavailableError,
  type SessionModuleOptions,
  type SessionOptionsFactory,
  type SessionStoreDefinition,
} from 'nest-sessions';
import { WatchedStore } from '../../e2e/support/watched-store.js';

const options = (): SessionModuleOptions => ({ store: memoryStore(), cleanup: false });

@Injectable()
class OptionsFactory implements SessionOptionsFactory {
  createSessionOptions(): SessionModuleOptions {
    return { ...options(), idleTimeout: '7m' };
  }
}

@Module({ providers: [OptionsFactory], exports: [OptionsFactory] })
class FactoryModule {}

const boot = async (...imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>) =>
  (await Test.createTestingModule({ imports }).compile()).init();

describe('SessionModule', () => {
  it.each([
    ['forRoot', () => SessionModule.forRoot({ ...options(), idleTimeout: '7m' })],
    [
      'forRootAsync with a factory',
      () =>
        SessionModule.forRootAsync({
          imports: [FactoryModule],
          inject: [OptionsFactory],
          useFactory: async (factory: OptionsFactory) => factory.createSessionOptions(),
        }),
    ],
    ['forRootAsync with a class', () => SessionModule.forRootAsync({ useClass: OptionsFactory })],
    [
      'forRootAsync with an existing provider',
      () => SessionModule.forRootAsync({ imports: [FactoryModule], useExisting: OptionsFactory }),
    ],
  ])('gives sessions by %s', async (_, create) => {
    const app = await boot(create());
    const { session } = await app.get(SessionService).create({ userId: 'ada' });
    expect(session.expiresAt.getTime() - session.lastSeenAt.getTime()).toBe(7 * 60_000);
    expect(app.get(SESSION_OPTIONS)).toMatchObject({ idleTimeout: '7m' });
    expect(app.get(SESSION_STORE)).toMatchObject({ name: 'memory' });
    await app.close();
  });

  it('needs importing once: every module can inject sessions', async () => {
    @Injectable()
    class Feature {
      constructor(
        readonly sessions: SessionService,
        readonly guard: SessionGuard,
        readonly cleanup: SessionCleanup,
        readonly httpSessions: HttpSessions,
      ) {}
    }
    @Module({ providers: [Feature] })
    class FeatureModule {}

    const app = await boot(SessionModule.forRoot(options()), FeatureModule);
    expect(app.get(Feature).sessions).toBe(app.get(SessionService));
    await app.close();
  });

  it('is only where it is imported with isGlobal: false', async () => {
    @Injectable()
    class Feature {
      constructor(readonly sessions: SessionService) {}
    }
    const sessions = SessionModule.forRoot({ ...options(), isGlobal: false });
    @Module({ imports: [sessions], providers: [Feature] })
    class InsideModule {}
    @Module({ providers: [Feature] })
    class OutsideModule {}

    const app = await boot(InsideModule);
    expect(app.get(Feature).sessions).toBeInstanceOf(SessionService);
    await app.close();
    await expect(boot(InsideModule, OutsideModule)).rejects.toThrow(/dependencies of the Feature/);
  });

  it('may be imported again as a class or as the same dynamic module (nestjs/docs.nestjs.com#3538)', async () => {
    const sessions = SessionModule.forRoot(options());
    @Module({ imports: [SessionModule] })
    class OneModule {}
    @Module({ imports: [sessions] })
    class OtherModule {}
    const app = await boot(sessions, OneModule, OtherModule);
    expect(app.get(SessionService, { each: true })).toHaveLength(1);
    await app.close();
  });

  it('refuses to be set up twice, and says what to do', async () => {
    await expect(boot(SessionModule.forRoot(options()), SessionModule.forRoot(options()))).rejects.toThrow(
      /^SessionModule is set up 2 times\. Call forRoot\(\) or forRootAsync\(\) once, in the root module/,
    );
  });

  it('has no request-scoped provider (nestjs/nest#2130)', async () => {
    const app = await boot(SessionModule.forRoot(options()));
    const scoped = [...app.get(ModulesContainer).values()]
      .flatMap((module) => [...module.providers.values(), ...module.injectables.values()])
      .filter((wrapper) => wrapper.host?.name.startsWith('Session') && !wrapper.isDependencyTreeStatic());
    expect(scoped.map(({ name }) => name)).toEqual([]);
    await app.close();
  });
});

describe('a store that Nest hands providers to', () => {
  const CLIENT = Symbol('CLIENT');
  const injecting = (): SessionStoreDefinition => ({ ...memoryStore(), inject: [CLIENT] });

  it('gets them by forRoot', async () => {
    @Global()
    @Module({ providers: [{ provide: CLIENT, useValue: 'the client' }], exports: [CLIENT] })
    class ClientModule {}
    const seen: unknown[] = [];
    const memory = memoryStore();
    const store: SessionStoreDefinition = {
      ...memory,
      inject: [CLIENT],
      create: (context, client) => {
        seen.push(client);
        return memory.create(context);
      },
    };
    const app = await boot(ClientModule, SessionModule.forRoot({ ...options(), store }));
    expect(seen).toEqual(['the client']);
    await app.close();
  });

  it('fails the boot by forRoot when nobody provides it, and Nest says what is missing', async () => {
    const module = SessionModule.forRoot({ ...options(), store: injecting() });
    await expect(boot(module)).rejects.toThrow(/Symbol\(CLIENT\)/);
  });

  it('fails the boot by forRootAsync, which says what to write instead', async () => {
    const module = SessionModule.forRootAsync({ useFactory: () => ({ ...options(), store: injecting() }) });
    await expect(boot(module)).rejects.toThrow(
      /^store needs Symbol\(CLIENT\), which forRootAsync cannot inject .*inject: \[DataSource\]/,
    );
  });
});

describe('the start of the store', () => {
  it('comes before other modules’ onModuleInit and before the first request', async () => {
    @Injectable()
    class EarlyUser implements OnModuleInit {
      outcome: unknown;

      constructor(private readonly sessions: SessionService) {}

      async onModuleInit(): Promise<void> {
        this.outcome = watched.calls.includes('start') && (await this.sessions.listByUser('ada'));
      }
    }
    @Module({ providers: [EarlyUser] })
    class EarlyModule {}
    const watched = new WatchedStore(memoryStore());
    const app = await boot(EarlyModule, SessionModule.forRoot({ ...options(), store: watched.definition }));
    expect(app.get(EarlyUser).outcome).toEqual([]);
    await app.close();
  });

  it('fails the boot with the store’s own words, and leaves nothing open (liaoliaots/nestjs-redis#340)', async () => {
    const watched = new WatchedStore(memoryStore());
    watched.breakDown('start');
    @Module({ imports: [SessionModule.forRoot({ ...options(), store: watched.definition })] })
    class RootModule {}
    const app = await NestFactory.create(RootModule, { logger: false, abortOnError: false });
    const failure = await app.init().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SessionStoreUnavailableError);
    expect((failure as Error).message).toBe('session store "memory" is unavailable: the test broke it');
    expect(watched.calls).toEqual(['start', 'stop']);
    await app.close();
  });
});
