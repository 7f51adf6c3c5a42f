import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  CurrentSession,
  SessionGuard,
  SessionModule,
  SessionService,
  type Session,
  type SessionStoreDefinition,
} from 'nest-sessions';
import { redisCalls } from './redis-calls.js';

/** In the response: whether its request asked Redis. */
export const ASKED_REDIS = 'x-asked-redis';

@UseGuards(SessionGuard)
@Controller()
class GuardedController {
  @Get('guarded')
  who(@CurrentSession() { userId }: Session) {
    return { userId };
  }
}

export interface GuardedApp {
  readonly url: string;
  /** `Cookie` headers of signed-in users. */
  readonly cookies: readonly string[];
  close(): Promise<void>;
}

/** One guarded route on Fastify, listening, and users who are signed in. */
export async function startGuardedApp(store: SessionStoreDefinition, userCount: number): Promise<GuardedApp> {
  @Module({ imports: [SessionModule.forRoot({ store, cleanup: false })], controllers: [GuardedController] })
  class GuardedModule {}

  const app = await NestFactory.create<NestFastifyApplication>(GuardedModule, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRequest', (_request, _reply, done) => redisCalls.run({ asked: false }, done));
  server.addHook('onSend', (_request, reply, _payload, done) => {
    void reply.header(ASKED_REDIS, redisCalls.getStore()?.asked ? 'yes' : 'no');
    done();
  });
  await app.listen(0, '127.0.0.1');
  const sessions = app.get(SessionService);
  const cookies: string[] = [];
  for (let user = 0; user < userCount; user += 1) {
    const { token } = await sessions.create({ userId: `user-${user}`, data: { visits: user }, amr: ['pwd'] });
    cookies.push(`__Host-session=${token}`);
  }
  return { url: await app.getUrl(), cookies, close: () => app.close() };
}
