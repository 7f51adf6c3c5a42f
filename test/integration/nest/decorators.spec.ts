import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import * as library from 'nest-sessions';
import {
  AllowAnonymous,
  AllowEmbedding,
  AllowPendingFactor,
  AllowReauthentication,
  CloseWithSession,
  CsrfExempt,
  CurrentHttpSession,
  CurrentSession,
  memoryStore,
  NoTouch,
  provideSession,
  Public,
  RequireAssurance,
  RequireConfirmation,
  RequireFreshSession,
  SessionArgumentError,
  SessionGuard,
  SessionModule,
  SessionService,
  type HttpSession,
  type Session,
} from 'nest-sessions';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ADAPTERS, CollectingLogger, createAdapter } from '../../e2e/support/test-app.js';

@Controller()
class EveryDecoratorController {
  @Public()
  @CsrfExempt()
  @AllowEmbedding()
  @Post('public')
  public() {}

  @AllowAnonymous()
  @NoTouch()
  @Get('anonymous')
  anonymous() {}

  @AllowPendingFactor()
  @Get('pending')
  pending() {}

  @AllowReauthentication()
  @CloseWithSession()
  @Get('doubted')
  doubted() {}

  @RequireFreshSession('10m')
  @RequireAssurance('aal2')
  @RequireConfirmation('transfer')
  @Get('strict')
  strict() {}

  @Get('me')
  me(@CurrentSession() { userId }: Session) {
    return { userId };
  }

  @Get('maybe')
  async maybe(@CurrentHttpSession() http: HttpSession) {
    return { userId: (await http.current())?.userId ?? null };
  }
}

@UseGuards(SessionGuard)
@Controller()
class GuardedController extends EveryDecoratorController {}

const ada = { userId: 'ada' } as Session;
const http = { current: async () => ada } as HttpSession;

let apps: INestApplication[] = [];

afterEach(async () => {
  await Promise.all(apps.map((app) => app.close()));
  apps = [];
});

describe.each(ADAPTERS)('decorators of a controller that is tested alone on %s', (adapter) => {
  const log = new CollectingLogger();

  const start = async (
    canActivate: (context: ExecutionContext) => boolean,
    { withModule = false }: { withModule?: boolean } = {},
  ) => {
    const imports = withModule ? [SessionModule.forRoot({ store: memoryStore(), cleanup: false })] : [];
    const module = await Test.createTestingModule({ imports, controllers: [GuardedController] })
      .overrideGuard(SessionGuard)
      .useValue({ canActivate })
      .compile();
    const app = module.createNestApplication(createAdapter({ adapter }), { logger: log });
    apps.push(app);
    await app.listen(0, '127.0.0.1');
    return app;
  };

  const ask = async (app: INestApplication, path: string) => {
    const response = await fetch(`${await app.getUrl()}${path}`);
    return { status: response.status, body: (await response.json()) as object };
  };

  it('compile in a module that imports nothing, all of them', async () => {
    const entry = readFileSync(fileURLToPath(new URL('../../../libs/session/src/index.ts', import.meta.url)), 'utf8');
    const names = [...entry.matchAll(/export \{([^}]*)\} from '\.\/nest\/decorators\//g)].flatMap(([, list = '']) =>
      list.split(',').map((name) => name.trim()),
    );
    const used = readFileSync(fileURLToPath(import.meta.url), 'utf8').split('class GuardedController')[0];
    for (const name of names.filter(Boolean)) {
      expect(Reflect.get(library, name)).toBeInstanceOf(Function);
      expect(used).toContain(`@${name}(`);
    }
    expect(names.length).toBeGreaterThan(12);
    const module = await Test.createTestingModule({ controllers: [EveryDecoratorController] }).compile();
    expect(module.get(EveryDecoratorController)).toBeInstanceOf(EveryDecoratorController);
    await module.close();
  });

  it.each([false, true])('inject what the guard’s stub provides, with SessionModule: %s', async (withModule) => {
    const app = await start(
      (context) => {
        provideSession(context, { session: ada });
        provideSession(context, { http });
        return true;
      },
      { withModule },
    );
    expect(await ask(app, '/me')).toEqual({ status: 200, body: { userId: 'ada' } });
    expect(await ask(app, '/maybe')).toEqual({ status: 200, body: { userId: 'ada' } });
  });

  it('say what is missing when the stub provides nothing', async () => {
    const app = await start(() => true);
    expect((await ask(app, '/me')).status).toBe(500);
    expect((await ask(app, '/maybe')).status).toBe(500);
    const said = log.lines.filter((line) => line.includes('SessionArgumentError')).join('\n');
    expect(said).toContain('GuardedController.me takes @CurrentSession() but no SessionModule handled the call');
    expect(said).toContain('GuardedController.maybe takes @CurrentHttpSession() but no SessionModule handled the call');
    expect(said).toContain('provideSession(context, ...)');
  });

  it('leave the real HttpSession in place when the stub provides a session alone', async () => {
    const app = await start((context) => (provideSession(context, { session: ada }), true), { withModule: true });
    expect(await ask(app, '/me')).toEqual({ status: 200, body: { userId: 'ada' } });
    expect(await ask(app, '/maybe')).toEqual({ status: 200, body: { userId: null } });
  });
});

describe('SessionGuard as APP_GUARD by useExisting', () => {
  const compile = (override?: CanActivate) => {
    @Module({
      imports: [SessionModule.forRoot({ store: memoryStore(), cleanup: false })],
      controllers: [EveryDecoratorController],
      providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
    })
    class RootModule {}

    const builder = Test.createTestingModule({ imports: [RootModule] });
    return (override ? builder.overrideProvider(SessionGuard).useValue(override) : builder).compile();
  };

  const statusOf = async (override?: CanActivate) => {
    const app = (await compile(override)).createNestApplication(createAdapter({ adapter: 'fastify' }), {
      logger: false,
    });
    apps.push(app);
    await app.listen(0, '127.0.0.1');
    return (await fetch(`${await app.getUrl()}/me`)).status;
  };

  it('guards, and gives way to what a test puts in its place', async () => {
    expect(await statusOf()).toBe(401);
    expect(await statusOf({ canActivate: (context) => (provideSession(context, { session: ada }), true) })).toBe(200);
  });
});

describe('parameter decorators', () => {
  const createApp = async (userId: string, middleware: (app: INestApplication) => void = () => undefined) => {
    @Controller()
    class WhoController {
      @UseGuards(SessionGuard)
      @Get('me')
      me(@CurrentSession() session: Session) {
        return { userId: session.userId };
      }

      @Get('maybe')
      async maybe(@CurrentHttpSession() session: HttpSession) {
        return { userId: (await session.current())?.userId ?? null };
      }
    }

    @Module({
      imports: [SessionModule.forRoot({ store: memoryStore(), cleanup: false })],
      controllers: [WhoController],
    })
    class RootModule {}

    const app = await NestFactory.create(RootModule, new ExpressAdapter(), { logger: false, abortOnError: false });
    apps.push(app);
    middleware(app);
    await app.init();
    return { app, token: (await app.get(SessionService).create({ userId })).token };
  };

  const ask = async (app: INestApplication, path: string, token: string) => {
    const headers = { cookie: `__Host-session=${token}` };
    return (await fetch(`${await app.getUrl()}${path}`, { headers })).json();
  };

  it('find the sessions of their own application, also where one hands its requests to another', async () => {
    const inner = await createApp('inner');
    const outer = await createApp('outer', (app) => app.use('/inner', inner.app.getHttpAdapter().getInstance()));
    await Promise.all([inner.app.listen(0, '127.0.0.1'), outer.app.listen(0, '127.0.0.1')]);
    for (const path of ['/me', '/maybe']) {
      expect(await ask(inner.app, path, inner.token)).toEqual({ userId: 'inner' });
      expect(await ask(outer.app, path, outer.token)).toEqual({ userId: 'outer' });
      expect(await ask(outer.app, `/inner${path}`, inner.token)).toEqual({ userId: 'inner' });
    }
    expect(await ask(outer.app, '/maybe', inner.token)).toEqual({ userId: null });
  });

  @Injectable()
  class Handlers {
    me(@CurrentSession() _session: Session) {}
    maybe(@CurrentHttpSession() _http: HttpSession) {}
  }

  interface InjectedParameter {
    readonly factory: (data: unknown, context: ExecutionContext) => unknown;
    readonly pipes: readonly PipeTransform[];
  }

  /** What Nest would inject, without the guards that a reference resolver of a federated graph, for one, does not have. */
  const inject = (
    type: string,
    method: 'me' | 'maybe',
    args: unknown[],
    handlers: Type<object> = Handlers,
  ): unknown => {
    const context = new ExecutionContextHost(args, handlers, Handlers.prototype[method]);
    context.setType(type);
    const [parameter] = Object.values(
      Reflect.getMetadata(ROUTE_ARGS_METADATA, Handlers, method) as Record<string, InjectedParameter>,
    );
    const carried = parameter?.factory(undefined, context);
    return parameter?.pipes.reduce((value, pipe) => pipe.transform(value, { type: 'custom' }) as unknown, carried);
  };

  it('find the one application that runs for calls that passed no guard, and say so when it is not one', async () => {
    const call = () => [{}, {}, { req: { method: 'POST', headers: {} } }, {}];
    expect(() => inject('graphql', 'maybe', call())).toThrow('no SessionModule handled the call');
    const first = await createApp('first');
    expect(await (inject('graphql', 'maybe', call()) as HttpSession).current()).toBeUndefined();
    expect(() => inject('graphql', 'me', call())).toThrow('no SessionGuard accepted a session');
    await createApp('second');
    expect(() => inject('graphql', 'maybe', call())).toThrow(SessionArgumentError);
    await first.app.close();
    expect(await (inject('graphql', 'maybe', call()) as HttpSession).current()).toBeUndefined();
  });

  it('do not count an application whose boot failed as one that runs', async () => {
    @Module({ imports: [SessionModule.forRoot({ store: memoryStore() })] })
    class LateModule {
      onModuleInit() {
        throw new Error('the mail server is away');
      }
    }
    const failed = await NestFactory.create(LateModule, { logger: false });
    await expect(failed.init()).rejects.toThrow('the mail server is away');
    await createApp('second try');
    const call = [{}, {}, { req: { method: 'POST', headers: {} } }, {}];
    expect(await (inject('graphql', 'maybe', call) as HttpSession).current()).toBeUndefined();
    await failed.close();
  });

  it.each([
    ['graphql', [{}, {}, { req: { method: 'POST', headers: {} } }, {}]],
    ['graphql', [{}, {}, { user: 'ada' }, {}]],
    ['ws', [{ id: 'a socket' }, 'a message']],
    ['rpc', [{ id: 'a message' }]],
  ])('inject what was provided for a %s call', (type, args) => {
    const context = new ExecutionContextHost(args, Handlers, Handlers.prototype.me);
    context.setType(type);
    provideSession(context, { session: ada, http });
    expect(inject(type, 'me', args)).toBe(ada);
    expect(inject(type, 'maybe', args)).toBe(http);
  });

  it('cannot be provided for where there is nothing to tie a session to', () => {
    const context = new ExecutionContextHost(['a text'], Handlers, Handlers.prototype.me);
    context.setType('rpc');
    expect(() => provideSession(context, { session: ada })).toThrow(SessionArgumentError);
    expect(() => inject('rpc', 'me', ['a text'])).toThrow('no SessionModule handled the call');
  });
});
