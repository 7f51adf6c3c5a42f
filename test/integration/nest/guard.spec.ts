import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Module, type ExecutionContext, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  AllowPendingFactor,
  CurrentSession,
  memoryStore,
  Public,
  RequireAssurance,
  RequireFreshSession,
  SessionContextError,
  SessionGuard,
  SessionModule,
  type Duration,
  type Session,
} from 'nest-sessions';
import { findAccessRule } from '#src/nest/access/session-metadata.js';
import { ADAPTERS, startTestApp } from '../../e2e/support/test-app.js';

@Controller('mixed')
class MixedController {
  @Get('guarded')
  guarded(@CurrentSession() { userId }: Session) {
    return { userId };
  }

  @Public()
  @Get('public')
  open() {
    return { open: true };
  }
}

@Public()
@Controller('public-class')
class PublicController {
  @Get('open')
  open() {
    return { open: true };
  }

  @RequireFreshSession('10m')
  @Get('fresh')
  fresh() {
    return { fresh: true };
  }
}

@RequireFreshSession('1h')
@Controller('fresh-class')
class FreshController {
  @Get('inherited')
  inherited() {
    return { fresh: true };
  }

  @Public()
  @Get('open')
  open() {
    return { open: true };
  }
}

const callOf = (type: string, controller: Type<object>, method: string): ExecutionContext =>
  ({
    getType: () => type,
    getClass: () => controller,
    getArgByIndex: () => undefined,
    getHandler: () => Reflect.get(controller.prototype as object, method) as () => void,
  }) as unknown as ExecutionContext;

describe.each(ADAPTERS)('SessionGuard as APP_GUARD on %s', (adapter) => {
  const start = (guard: Type<SessionGuard> = SessionGuard) =>
    startTestApp({
      adapter,
      controllers: [MixedController, PublicController, FreshController],
      providers: [{ provide: APP_GUARD, useClass: guard }],
      configure: async (nest) => {
        nest.setGlobalPrefix('api');
        await Promise.resolve();
      },
    });

  it('guards everything but what is public, the handler’s rule before its class’s, below a prefix (nestjs/nest#9124)', async () => {
    const app = await start();
    const statusOf = async (path: string) => (await app.client.send({ path: `/api${path}` })).status;
    expect(await statusOf('/mixed/guarded')).toBe(401);
    expect(await statusOf('/mixed/public')).toBe(200);
    expect(await statusOf('/public-class/open')).toBe(200);
    expect(await statusOf('/public-class/fresh')).toBe(401);
    expect(await statusOf('/fresh-class/inherited')).toBe(401);
    expect(await statusOf('/fresh-class/open')).toBe(200);
    await app.close();
  });

  it('lets subclasses add a condition and answer otherwise', async () => {
    @Injectable()
    class StrictGuard extends SessionGuard {
      protected override isAccepted(session: Session): boolean {
        return session.amr.includes('otp');
      }

      protected override refuse(): boolean {
        return false;
      }
    }
    const app = await start(StrictGuard);
    const withAmr = async (...amr: string[]) => {
      const { token } = await app.sessions.create({ userId: 'ada', amr });
      return app.client.send({ path: '/api/mixed/guarded', cookies: [`__Host-session=${token}`] });
    };
    expect((await app.client.send({ path: '/api/mixed/guarded' })).status).toBe(403);
    expect((await withAmr('pwd')).status).toBe(403);
    expect((await withAmr('pwd', 'otp')).json()).toEqual({ userId: 'ada' });
    await app.close();
  });
});

describe('SessionGuard before what it finds no session for (nestjs/nest#882)', () => {
  let app: TestingModule;
  let guard: SessionGuard;

  beforeAll(async () => {
    app = await Test.createTestingModule({
      imports: [SessionModule.forRoot({ store: memoryStore(), cleanup: false })],
    }).compile();
    await app.init();
    guard = app.get(SessionGuard);
  });

  afterAll(() => app?.close());

  it.each([
    ['rpc', 'mark it @Public()'],
    ['carrier-pigeon', 'mark it @Public()'],
    ['graphql', 'the GraphQL context must hold the request'],
  ])('refuses %s calls and says so', async (type, advice) => {
    const call = guard.canActivate(callOf(type, MixedController, 'guarded'));
    await expect(call).rejects.toThrow(SessionContextError);
    await expect(call).rejects.toThrow(`"${type}" call of MixedController.guarded and refused it: ${advice}`);
  });

  it.each(['ws', 'rpc', 'graphql'])('lets public %s calls pass', async (type) => {
    expect(await guard.canActivate(callOf(type, MixedController, 'open'))).toBe(true);
  });
});

describe('rules on handlers and classes', () => {
  it('are refused when a handler has both: it would be open which one protects it', () => {
    expect(() => {
      class Both {
        @Public()
        @RequireFreshSession('10m')
        act(): void {}
      }
      return Both;
    }).toThrow(
      'Both.act has @Public(), @AllowAnonymous(), @AllowPendingFactor() or @AllowReauthentication() beside another',
    );
    expect(() => {
      @RequireFreshSession('10m')
      @Public()
      class Both {}
      return Both;
    }).toThrow(
      'Both has @Public(), @AllowAnonymous(), @AllowPendingFactor() or @AllowReauthentication() beside another',
    );
  });

  it.each(['10', 'ten minutes', '', '-5m'])('are refused when the age is %j', (age) => {
    expect(() => RequireFreshSession(age as Duration)).toThrow(/^@RequireFreshSession\(\) must be a positive duration/);
  });

  it('of a base class protect a subclass too, but open nothing that the subclass adds', async () => {
    @Public()
    class Base {
      act(): void {}
    }
    class Careless extends Base {
      addedLater(): void {}
    }
    @RequireFreshSession('5m')
    class Strict extends Base {}
    class StricterStill extends Strict {}
    @Module({ imports: [SessionModule.forRoot({ store: memoryStore(), cleanup: false })] })
    class RootModule {}

    const app = await Test.createTestingModule({ imports: [RootModule] }).compile();
    const guard = app.get(SessionGuard);
    expect(await guard.canActivate(callOf('ws', Base, 'act'))).toBe(true);
    for (const [type, method] of [
      [Strict, 'act'],
      [Careless, 'addedLater'],
    ] as const) {
      await expect(guard.canActivate(callOf('rpc', type, method))).rejects.toThrow(SessionContextError);
    }
    expect(findAccessRule(callOf('http', StricterStill, 'act'))).toEqual({
      access: 'user',
      maxAgeMs: 300_000,
    });
    await app.close();
  });

  it('of a base class, a class and a handler add up, and the nearest wins where they speak of the same', () => {
    @RequireAssurance('aal2')
    class Base {}
    @RequireFreshSession('1h')
    class Nearer extends Base {
      plain(): void {}
      @RequireFreshSession('5m', { amr: ['otp'] })
      strict(): void {}
      @Public()
      open(): void {}
      @AllowPendingFactor()
      waiting(): void {}
    }
    const ruleOf = (method: string) => findAccessRule(callOf('http', Nearer, method));
    expect(ruleOf('plain')).toEqual({ access: 'user', assuranceLevel: 'aal2', maxAgeMs: 3_600_000 });
    expect(ruleOf('strict')).toEqual({ access: 'user', assuranceLevel: 'aal2', maxAgeMs: 300_000, amr: ['otp'] });
    expect(ruleOf('open')).toEqual({ access: 'public' });
    expect(ruleOf('waiting')).toEqual({ access: 'pending-factor' });
  });

  it('are refused when they ask for the same thing twice, or for what does not exist', () => {
    expect(() => {
      class Twice {
        @RequireFreshSession('10m')
        @RequireFreshSession('5m')
        act(): void {}
      }
      return Twice;
    }).toThrow('Twice.act asks for the same thing twice');
    expect(() => RequireAssurance('aal4' as never)).toThrow(`@RequireAssurance() must be 'aal1', 'aal2' or 'aal3'`);
    for (const amr of [[], ['one-time password'], 'otp']) {
      expect(() => RequireFreshSession('5m', { amr: amr as never })).toThrow('amr must name methods of RFC 8176');
    }
  });
});
