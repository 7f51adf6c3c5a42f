/** What the readme's snippets take for given of an application. */
const SERVICES = `
class SignInDto { email!: string; password!: string }
class CodeDto { code!: string }
class PasswordDto { password!: string }
class UsersService {
  declare findByPassword: (body: SignInDto) => Promise<{ id: string; hasTotp: boolean } | undefined>;
  declare isEnabled: (userId: string) => Promise<boolean>;
  declare disable: (userId: string) => Promise<void>;
  declare setPassword: (body: PasswordDto) => Promise<void>;
}
class ConfigService {
  declare getOrThrow: <T>(name: string) => T;
}
`;

const SURROUNDINGS = `
import { Body, Delete, Get, NotFoundException, Param, Post, UnauthorizedException, UseGuards } from '@nestjs/common';
import type { ExecutionContext, INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MessageBody, SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import type { Redis } from 'ioredis';
import {
  AllowPendingFactor, CsrfExempt, CurrentHttpSession, CurrentSession, Public, RequireAssurance, RequireFreshSession,
  provideSession, SessionGuard, SessionModule, SessionPolicyDescription, SessionService, SessionSockets, toAuditRecord,
} from 'nest-sessions';
import type { HttpSession, Session, SessionStoreDefinition, UserSession } from 'nest-sessions';
import { postgresStore, SessionAuditEntity, SessionEntity, sessionMigrations } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import type { SessionStore } from 'nest-sessions/store';
import type { StoreHarness } from 'nest-sessions/testing';
import { DataSource } from 'typeorm';
${SERVICES}
declare const http: HttpSession, session: Session, sessions: SessionService, store: SessionStoreDefinition;
declare const app: INestApplication, client: Redis, REDIS_CLIENT: symbol, url: string, redisUrl: string;
declare const user: { id: string }, userId: string, operatorId: string, leakedAt: Date;
declare const claims: { iss: string; sid: string };
declare const MY_CLIENT: symbol, MyStore: new (client: unknown, retentionMs: number) => SessionStore;
declare class AccountController {}
declare const logger: { log(line: string): void };
declare const mail: (userId: string) => Promise<void>, sendMail: () => Promise<void>, dropCaches: () => void;
declare const createHarness: () => Promise<StoreHarness>;
class Surroundings {
  declare users: UsersService;
  declare totp: { isValid(userId: string, code: string): boolean };
  declare sessions: SessionService;
}
`;

/** Whole files stand for themselves; of all else, members of classes go into one, and statements into a method. */
export function surround(snippet: string): string {
  if (snippet.includes("from '@nestjs/common'")) return `${SERVICES}\n${snippet}`;
  if (snippet.includes('export class')) return `${SURROUNDINGS}\n${snippet}`;
  const paragraphs = snippet.replace('{ ...,', "{ type: 'postgres',").split('\n\n');
  const pick = (start: RegExp) => paragraphs.filter((one) => start.test(one)).join('\n\n');
  return [
    SURROUNDINGS,
    pick(/^(?:import|declare) /),
    `class Members extends Surroundings {\n${pick(/^@/)}\n`,
    `async run() {\n${pick(/^(?!@|import |declare )/)}\n}\n}`,
    'export { Members };',
  ].join('\n');
}
