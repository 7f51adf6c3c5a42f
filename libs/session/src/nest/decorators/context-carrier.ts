import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';

/** Carries the context past the pipes of the application, which find nothing in it to change. */
export class ContextCarrier {
  readonly #context: ExecutionContext;

  constructor(context: ExecutionContext) {
    this.#context = context;
  }

  get context(): ExecutionContext {
    return this.#context;
  }
}

const carryContext = createParamDecorator((_: unknown, context: ExecutionContext) => new ContextCarrier(context));

/** A parameter made from the context by a pipe: Nest gives providers to pipes, but none to parameter decorators. */
export function fromContext(pipe: Type<PipeTransform<ContextCarrier, unknown>>): ParameterDecorator {
  return carryContext(pipe);
}
