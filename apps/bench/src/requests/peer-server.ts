import 'reflect-metadata';
import {
  Controller,
  Get,
  Module,
  Query,
  Req,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { PeerVariant, ServerSettings } from './variants.js';
import { PEERS, type Peer, type PeerRequest } from './peers.js';

// A server of one peer or limit, in a process of its own. Like `request-server.ts`, it prints `{ url, cookies }` once it listens.

const settings = JSON.parse(process.argv[2] ?? '{}') as ServerSettings;
const peer: Peer = await PEERS[settings.store as PeerVariant](settings);

class PeerGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<PeerRequest>();
    const userId = await peer.findUser(request);
    if (userId === undefined) throw new UnauthorizedException();
    request.userId = userId;
    return true;
  }
}

@Controller()
class RouteController {
  @Get('guarded')
  @UseGuards(PeerGuard)
  guarded(@Req() request: PeerRequest) {
    return { userId: request.userId };
  }

  @Get('sign-in')
  async signIn(@Req() request: PeerRequest, @Query('user') user: string) {
    await peer.signIn?.(request, user);
    return { user };
  }
}

@Module({ controllers: [RouteController] })
class PeerModule {}

const app = await createApp();
await peer.install?.(app);
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();
const cookies: string[] = [];
for (let user = 0; user < settings.users; user += 1) {
  cookies.push(peer.issue ? await peer.issue(`user-${user}`) : await signInAs(`user-${user}`));
}
process.stdout.write(`${JSON.stringify({ url, cookies })}\n`);
process.stdin.resume().once('end', () => {
  void app.close();
  void peer.close();
});

/** Over HTTP, as a browser: the peer signs its cookie itself. */
async function signInAs(user: string): Promise<string> {
  const response = await fetch(`${url}/sign-in?user=${user}`);
  const [cookie] = response.headers.getSetCookie();
  if (cookie === undefined) throw new Error(`${settings.store} set no cookie`);
  return cookie.split(';', 1)[0] ?? '';
}

function createApp(): Promise<INestApplication> {
  const options = { logger: false, abortOnError: false } as const;
  return settings.adapter === 'fastify'
    ? NestFactory.create<NestFastifyApplication>(PeerModule, new FastifyAdapter(), options)
    : NestFactory.create(PeerModule, options);
}
