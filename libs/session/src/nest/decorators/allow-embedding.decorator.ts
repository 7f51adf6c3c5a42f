import { SetMetadata, type ExecutionContext } from '@nestjs/common';

const EMBEDDING_KEY = 'nest-sessions:allow-embedding';

/**
 * Lets pages of other sites take up what a handler, or all of a class, answers to the visitor's session: as an image or
 * frame, or read by CORS. For use with the option `resourceIsolation`. On a class it does not reach subclasses.
 */
export const AllowEmbedding = () => SetMetadata(EMBEDDING_KEY, true);

export function allowsEmbedding(context: ExecutionContext): boolean {
  return [context.getHandler(), context.getClass()].some((target) => Reflect.hasOwnMetadata(EMBEDDING_KEY, target));
}
