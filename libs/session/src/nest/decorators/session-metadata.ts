import type { ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { SessionConfigurationError } from '../../core/session-errors.js';

const ACCESS_KEY = 'nest-sessions:access';
const TOUCH_KEY = 'nest-sessions:touch';

/** Who may call a handler. Without a rule: whoever is signed in with a live session. */
export type AccessRule =
  | { readonly access: 'public' }
  /** Whoever has a live session, also one without a user. */
  | { readonly access: 'anonymous' }
  /** The user proved who they are less than this long ago. */
  | { readonly access: 'fresh'; readonly maxAgeMs: number };

type ClassOrMethodDecorator = ClassDecorator & MethodDecorator;

/** One rule for a class or handler; two would leave open which one protects it. */
export function setAccessRule(rule: AccessRule): ClassOrMethodDecorator {
  return decorate((target, name) => {
    if (Reflect.hasOwnMetadata(ACCESS_KEY, target)) {
      throw new SessionConfigurationError(
        name,
        'has more than one of @Public(), @AllowAnonymous() and @RequireFreshSession(): keep one',
      );
    }
    Reflect.defineMetadata(ACCESS_KEY, rule, target);
  });
}

export function setTouching(touching: boolean): ClassOrMethodDecorator {
  return decorate((target) => Reflect.defineMetadata(TOUCH_KEY, touching, target));
}

/**
 * The rule of the handler, or else of its class. A class inherits what protects it, but not what opens its base class:
 * the handlers that it adds were not looked at when that was written.
 */
export function findAccessRule(reflector: Reflector, context: ExecutionContext): AccessRule | undefined {
  const own = reflector.get<AccessRule | undefined>(ACCESS_KEY, context.getHandler());
  if (own) return own;
  const type = context.getClass();
  const rule = reflector.get<AccessRule | undefined>(ACCESS_KEY, type);
  return rule?.access === 'fresh' || Reflect.hasOwnMetadata(ACCESS_KEY, type) ? rule : undefined;
}

/** Whether a request to the handler counts as activity. */
export function isTouching(reflector: Reflector, context: ExecutionContext): boolean {
  const touching = reflector.getAllAndOverride<boolean | undefined>(TOUCH_KEY, [
    context.getHandler(),
    context.getClass(),
  ]);
  return touching ?? true;
}

function decorate(mark: (target: object, name: string) => void): ClassOrMethodDecorator {
  const decorator = (target: object, propertyKey?: string | symbol, descriptor?: { readonly value?: object }) => {
    const owner = typeof target === 'function' ? target.name : target.constructor.name;
    mark(descriptor?.value ?? target, propertyKey === undefined ? owner : `${owner}.${String(propertyKey)}`);
  };
  return decorator as ClassOrMethodDecorator;
}
