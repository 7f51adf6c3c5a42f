import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SessionModule, SessionService, type SessionStoreDefinition } from 'nest-sessions';
import { parseDuration } from '#src/core/session/duration.js';
import { CircuitBreaker } from '#src/stores/hybrid/sides/circuit-breaker.js';
import { assembleHybrid } from '#src/stores/hybrid/store/assemble-hybrid.js';
import { postgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable.js';
import { redisHotSessions } from '#src/stores/redis/hot/redis-hot.js';
import { SessionTokens } from '#src/core/token/session-token.js';
import { aroundCalls } from '../support/port-calls.js';
import type { FromProcess, HybridCommands, ProcessSettings, ToProcess } from './hybrid-process.js';

// One instance of an application, run by `HybridProcess`. It executes commands that arrive through IPC and stops traced
// calls before and after each of their calls of a port.

declare module 'nest-sessions' {
  interface SessionData {
    visits?: number;
  }
}

const settings = JSON.parse(process.argv[2] ?? '') as ProcessSettings;
const traced = new AsyncLocalStorage<number>();
const waiting = new Map<number, () => void>();

const tell = (message: FromProcess) => void process.send?.(message);

/** Waits until the other process lets this call go on. */
async function stopAt(point: string): Promise<void> {
  const call = traced.getStore();
  if (call === undefined) return;
  if (waiting.has(call)) throw new Error(`a traced call is at two points at once, the second is ${point}`);
  await new Promise<void>((resolve) => {
    waiting.set(call, resolve);
    tell({ kind: 'reached', call, point });
  });
}

function goOn(call: number): void {
  const resume = waiting.get(call);
  waiting.delete(call);
  resume?.();
}

function withStops<Port extends object>(side: string, port: Port): Port {
  return aroundCalls(port, async (method, call) => {
    await stopAt(`before ${side}.${method}`);
    try {
      const result = await call();
      await stopAt(`after ${side}.${method}`);
      return result;
    } catch (error) {
      await stopAt(`failed ${side}.${method}`);
      throw error;
    }
  });
}

/** The store as `hybridStore` composes it, with stops in its ports, and breakers that let every call reach them. */
function stoppingStore(): SessionStoreDefinition {
  const { redisUrl, postgresUrl, keyPrefix, schema, sweepInterval } = settings;
  const hot = redisHotSessions({ url: redisUrl, keyPrefix, operationTimeout: '5s' });
  const durable = postgresDurableSessions({ url: postgresUrl, schema, operationTimeout: '5s' });
  const closedBreaker = (name: string) => new CircuitBreaker({ name, threshold: Infinity, periodMs: 1 });
  return {
    name: 'hybrid',
    keepsHistory: true,
    inject: [],
    create: (context) => {
      assembled = assembleHybrid({
        hot: withStops('hot', hot.create(context)),
        durable: withStops('durable', durable.create(context)),
        hotBreaker: closedBreaker('redis'),
        durableBreaker: closedBreaker('postgres'),
        durableKeys: [],
        logger: context.logger,
        sweepIntervalMs: parseDuration(sweepInterval, 'sweepInterval'),
        reconcileIntervalMs: false,
      });
      return assembled.store;
    },
  };
}

let assembled: ReturnType<typeof assembleHybrid>;

// Tokens are reported as soon as they are made, so that a test can try one that was never handed out.
const mint = Reflect.get(SessionTokens.prototype, 'mint');
SessionTokens.prototype.mint = function (id) {
  const minted = mint.call(this, id);
  const call = traced.getStore();
  if (call !== undefined) tell({ kind: 'minted', call, login: { id, token: minted.token } });
  return minted;
};

const { maxSessionsPerUser } = settings;

@Module({ imports: [SessionModule.forRoot({ store: stoppingStore(), maxSessionsPerUser, cleanup: false })] })
class ProcessModule {}

const app = await NestFactory.createApplicationContext(ProcessModule, { logger: ['error'] });
const sessions = app.get(SessionService);

const commands: HybridCommands = {
  create: async (input) => {
    const { session, token } = await sessions.create(input);
    return { id: session.id, token };
  },
  authenticate: async (token) => {
    const authenticated = await sessions.authenticate(token);
    return authenticated.outcome === 'live' && (authenticated.session.data.visits ?? null);
  },
  rotate: async (token) => {
    const rotated = await sessions.rotate(token);
    return rotated.rotated ? rotated.token : undefined;
  },
  revoke: (id) => sessions.revoke(id),
  revokeAll: async (userId) => (await sessions.revokeAll(userId)).length,
  revokeOthers: async (keep) => (await sessions.revokeOthers(keep)).length,
  list: async (userId) => (await sessions.listByUser(userId)).map(({ id }) => id),
  find: async (id) => (await assembled.store.find(id)).live,
  sweep: () => assembled.sweeper.sweep(),
  reconcile: async () => {
    const { ghosts, stale, stoppedBy } = await assembled.store.reconcile();
    return { ghosts, stale, stoppedBy };
  },
};

async function run({ call, name, args }: ToProcess & { kind: 'run' }): Promise<void> {
  try {
    const command = commands[name] as (...args: unknown[]) => Promise<unknown>;
    tell({ kind: 'done', call, result: await command(...args) });
  } catch (error) {
    tell({ kind: 'failed', call, error: String(error) });
  }
}

async function dieInFlight({ calls }: ToProcess & { kind: 'go on and die' }): Promise<void> {
  for (let left = Math.max(...calls.map(({ turns }) => turns)); left > 0; left -= 1) {
    for (const { call, turns } of calls) if (turns === left) goOn(call);
    await setImmediate();
  }
  process.kill(process.pid, 'SIGKILL');
}

process.on('message', (message: ToProcess) => {
  if (message.kind === 'go on') goOn(message.call);
  else if (message.kind === 'go on and die') void dieInFlight(message);
  else if (message.isTraced) void traced.run(message.call, () => run(message));
  else void run(message);
});
// The process that started this one is gone.
process.once('disconnect', () => process.exit());
tell({ kind: 'ready' });
