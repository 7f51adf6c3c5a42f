import { Reflector } from '@nestjs/core';

/**
 * Requires `aal2` of users who have a second factor, and allows all others. `@RequireAssurance('aal2')` would refuse users
 * without a second factor. `DemoSessionGuard` reads it.
 */
export const RequireSecondFactorIfOn = Reflector.createDecorator<void, true>({ transform: () => true });
