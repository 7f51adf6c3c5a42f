import { Reflector } from '@nestjs/core';

/**
 * Of users who have a second factor, lets only sessions of `aal2` in; `@RequireAssurance('aal2')` would shut out those who
 * have none. `DemoSessionGuard` looks at it.
 */
export const RequireSecondFactorIfOn = Reflector.createDecorator<void, true>({ transform: () => true });
