import { SetMetadata, type ExecutionContext } from '@nestjs/common';

const EXEMPT_KEY = 'nest-sessions:csrf-exempt';

/**
 * Lets other sites send unsafe requests to a handler, or to all of a class: for callbacks that a browser carries from an
 * identity or payment provider as a form, which prove themselves by a signature or a `state`. On a class it does not
 * reach subclasses.
 */
export const CsrfExempt = () => SetMetadata(EXEMPT_KEY, true);

export function isCsrfExempt(context: ExecutionContext): boolean {
  return [context.getHandler(), context.getClass()].some((target) => Reflect.hasOwnMetadata(EXEMPT_KEY, target));
}
