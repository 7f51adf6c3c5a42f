import { SetMetadata, type ExecutionContext } from '@nestjs/common';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { AssuranceLevel } from '../../core/session/session-record.js';

const ACCESS_KEY = 'nest-sessions:access';
const REQUIREMENT_KEY = 'nest-sessions:requirement';
const TOUCH_KEY = 'nest-sessions:touch';
const CLOSING_KEY = 'nest-sessions:closing';
const EXEMPT_KEY = 'nest-sessions:csrf-exempt';
const EMBEDDING_KEY = 'nest-sessions:allow-embedding';
/** Where Nest's `@Sse()` leaves its mark. */
const SSE_KEY = '__sse__';

/** What `@Public()`, `@AllowAnonymous()`, `@AllowPendingFactor()` and `@AllowReauthentication()` let in. */
export type SessionAllowance = 'public' | 'anonymous' | 'pending-factor' | 'reauthentication';

/** What a session has to be good for. */
export interface SessionRequirement {
  /** The user proved who they are less than this long ago. */
  readonly maxAgeMs?: number;
  /** All of these were among the methods of that time. */
  readonly amr?: readonly string[];
  /** The level that the session has reached at least. */
  readonly assuranceLevel?: AssuranceLevel;
  /** An action that was confirmed for this one time. */
  readonly confirmation?: string;
}

/** Who may call a handler. Without a rule: whoever is signed in with a live session. */
export interface AccessRule extends SessionRequirement {
  /** `user`: whoever is signed in and meets the requirement. */
  readonly access: SessionAllowance | 'user';
}

type ClassOrMethodDecorator = ClassDecorator & MethodDecorator;

/** Opens a class or handler; a second decorator on it would leave open which one counts. */
export function allowAccess(allowance: SessionAllowance): ClassOrMethodDecorator {
  return decorate((target, name) => {
    if (Reflect.hasOwnMetadata(ACCESS_KEY, target)) throw contradiction(name);
    if (Reflect.hasOwnMetadata(REQUIREMENT_KEY, target)) throw contradiction(name);
    Reflect.defineMetadata(ACCESS_KEY, allowance, target);
  });
}

/** Adds to what a class or handler asks for. The same thing asked for twice on one of them is a mistake. */
export function requireOfSession(requirement: SessionRequirement): ClassOrMethodDecorator {
  return decorate((target, name) => {
    if (Reflect.hasOwnMetadata(ACCESS_KEY, target)) throw contradiction(name);
    const before = (Reflect.getOwnMetadata(REQUIREMENT_KEY, target) ?? {}) as SessionRequirement;
    if (Object.keys(requirement).some((key) => Object.hasOwn(before, key))) {
      throw new SessionConfigurationError(name, 'asks for the same thing twice: keep one of the two decorators');
    }
    Reflect.defineMetadata(REQUIREMENT_KEY, { ...before, ...requirement }, target);
  });
}

export function setTouching(touching: boolean): ClassOrMethodDecorator {
  return decorate((target) => Reflect.defineMetadata(TOUCH_KEY, touching, target));
}

export const setCsrfExempt = () => SetMetadata(EXEMPT_KEY, true);

export const setEmbedding = () => SetMetadata(EMBEDDING_KEY, true);

export function setClosing(): ClassOrMethodDecorator {
  return decorate((target) => Reflect.defineMetadata(CLOSING_KEY, true, target));
}

/** What the decorators of a handler and its class say. Read once for each handler: decorators do not change. */
interface HandlerMarks {
  readonly rule: AccessRule | undefined;
  readonly isTouching: boolean;
  readonly closesWithSession: boolean;
  readonly isCsrfExempt: boolean;
  readonly allowsEmbedding: boolean;
}

type Target = object;

const knownMarks = new WeakMap<Target, WeakMap<Target, HandlerMarks>>();

function marksOf(context: ExecutionContext): HandlerMarks {
  const [handler, type] = [context.getHandler(), context.getClass()];
  const known = knownMarks.get(type)?.get(handler);
  if (known) return known;
  const hasOwn = (key: string) => [handler, type].some((target) => Reflect.hasOwnMetadata(key, target));
  const marks: HandlerMarks = {
    rule: readAccessRule(handler, type),
    isTouching: findMark(TOUCH_KEY, { handler, type }) ?? true,
    closesWithSession: [SSE_KEY, CLOSING_KEY].some((key) => findMark(key, { handler, type }) ?? false),
    isCsrfExempt: hasOwn(EXEMPT_KEY),
    allowsEmbedding: hasOwn(EMBEDDING_KEY),
  };
  const ofType = knownMarks.get(type) ?? new WeakMap<Target, HandlerMarks>();
  knownMarks.set(type, ofType.set(handler, marks));
  return marks;
}

/**
 * The rule of the handler, or else of its class. What a handler requires adds to what its class requires, and wins where
 * both speak of the same thing; what opens a handler or class wins over requirements further out, and the other way
 * round. A class inherits what protects it, but not what opens its base class: the handlers that it adds were not looked
 * at when that was written.
 */
export function findAccessRule(context: ExecutionContext): AccessRule | undefined {
  return marksOf(context).rule;
}

function readAccessRule(handler: Target, type: Target): AccessRule | undefined {
  const allowance = Reflect.getMetadata(ACCESS_KEY, handler) as SessionAllowance | undefined;
  if (allowance) return { access: allowance };
  const own = Reflect.getMetadata(REQUIREMENT_KEY, handler) as SessionRequirement | undefined;
  if (!own && Reflect.hasOwnMetadata(ACCESS_KEY, type)) {
    return { access: Reflect.getOwnMetadata(ACCESS_KEY, type) as SessionAllowance };
  }
  const inherited = requirementOf(type);
  return own || inherited ? { access: 'user', ...inherited, ...own } : undefined;
}

/** What a class and those that it extends require together. */
function requirementOf(type: object | null): SessionRequirement | undefined {
  if (type === null || type === Function.prototype) return undefined;
  const base = requirementOf(Object.getPrototypeOf(type) as object | null);
  const own = Reflect.getOwnMetadata(REQUIREMENT_KEY, type) as SessionRequirement | undefined;
  return own || base ? { ...base, ...own } : undefined;
}

/** Whether a request to the handler counts as activity. */
export function isTouching(context: ExecutionContext): boolean {
  return marksOf(context).isTouching;
}

/** Whether the response is cut off when its session ends. */
export function closesWithSession(context: ExecutionContext): boolean {
  return marksOf(context).closesWithSession;
}

export function isCsrfExempt(context: ExecutionContext): boolean {
  return marksOf(context).isCsrfExempt;
}

export function allowsEmbedding(context: ExecutionContext): boolean {
  return marksOf(context).allowsEmbedding;
}

/** The mark of the handler, or else of its class or a base class. */
function findMark(key: string, { handler, type }: { handler: Target; type: Target }): boolean | undefined {
  const own = Reflect.getMetadata(key, handler) as boolean | undefined;
  return own ?? (Reflect.getMetadata(key, type) as boolean | undefined);
}

function contradiction(name: string): SessionConfigurationError {
  return new SessionConfigurationError(
    name,
    'has @Public(), @AllowAnonymous(), @AllowPendingFactor() or @AllowReauthentication() beside another decorator that says who may call it: keep one',
  );
}

function decorate(mark: (target: object, name: string) => void): ClassOrMethodDecorator {
  const decorator = (target: object, propertyKey?: string | symbol, descriptor?: { readonly value?: object }) => {
    const owner = typeof target === 'function' ? target.name : target.constructor.name;
    mark(descriptor?.value ?? target, propertyKey === undefined ? owner : `${owner}.${String(propertyKey)}`);
  };
  return decorator as ClassOrMethodDecorator;
}
