import { SetMetadata, type ExecutionContext } from '@nestjs/common';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { AssuranceLevel } from '../../core/session/session-record.js';

const ACCESS_KEY = 'nest-sessions:access';
const REQUIREMENT_KEY = 'nest-sessions:requirement';
const TOUCH_KEY = 'nest-sessions:touch';
const CLOSING_KEY = 'nest-sessions:closing';
const EXEMPT_KEY = 'nest-sessions:csrf-exempt';
const EMBEDDING_KEY = 'nest-sessions:allow-embedding';
/** The metadata key of Nest's `@Sse()`. */
const SSE_KEY = '__sse__';

/** The sessions that `@Public()`, `@AllowAnonymous()`, `@AllowPendingFactor()` and `@AllowReauthentication()` allow. */
export type SessionAllowance = 'public' | 'anonymous' | 'pending-factor' | 'reauthentication';

/** The requirements that a session must meet. */
export interface SessionRequirement {
  /** The maximum time since the user authenticated, in ms. */
  readonly maxAgeMs?: number;
  /** Methods that this authentication must have used, all of them. */
  readonly amr?: readonly string[];
  /** The lowest level that the session must have reached. */
  readonly assuranceLevel?: AssuranceLevel;
  /** An action that must have been confirmed. Each confirmation counts once. */
  readonly confirmation?: string;
}

/** The rule for callers of a handler. Without a rule, any signed-in user may call it. */
export interface AccessRule extends SessionRequirement {
  /** `user`: any signed-in user whose session meets the requirements. */
  readonly access: SessionAllowance | 'user';
}

type ClassOrMethodDecorator = ClassDecorator & MethodDecorator;

/** Opens a class or handler. Throws when a second decorator contradicts the first. */
export function allowAccess(allowance: SessionAllowance): ClassOrMethodDecorator {
  return decorate((target, name) => {
    if (Reflect.hasOwnMetadata(ACCESS_KEY, target)) throw contradiction(name);
    if (Reflect.hasOwnMetadata(REQUIREMENT_KEY, target)) throw contradiction(name);
    Reflect.defineMetadata(ACCESS_KEY, allowance, target);
  });
}

/** Adds a requirement to a class or handler. Throws when it has the same requirement already. */
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

/** The metadata of a handler and its class, read once: decorators do not change. */
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
 * Returns the rule of the handler, or else of its class.
 *
 * Requirements of a handler add to those of its class and replace those of the same kind. An allowance on a handler
 * replaces the requirements of its class, and requirements on a handler replace an allowance of its class. A class inherits
 * requirements of its base class but no allowance, which was given without knowing the handlers of the subclass.
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

/** Collects the requirements of a class and its base classes. */
function requirementOf(type: object | null): SessionRequirement | undefined {
  if (type === null || type === Function.prototype) return undefined;
  const base = requirementOf(Object.getPrototypeOf(type) as object | null);
  const own = Reflect.getOwnMetadata(REQUIREMENT_KEY, type) as SessionRequirement | undefined;
  return own || base ? { ...base, ...own } : undefined;
}

/** Returns whether a request to the handler counts as activity. */
export function isTouching(context: ExecutionContext): boolean {
  return marksOf(context).isTouching;
}

/** Returns whether the response is cut off when its session ends. */
export function closesWithSession(context: ExecutionContext): boolean {
  return marksOf(context).closesWithSession;
}

export function isCsrfExempt(context: ExecutionContext): boolean {
  return marksOf(context).isCsrfExempt;
}

export function allowsEmbedding(context: ExecutionContext): boolean {
  return marksOf(context).allowsEmbedding;
}

/** Returns the mark of the handler, or else of its class or a base class. */
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
