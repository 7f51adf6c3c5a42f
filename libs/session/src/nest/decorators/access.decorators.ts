import { allowAccess } from '../access/session-metadata.js';

/**
 * Opens a handler, or all handlers of a class, to every request. `SessionGuard` does not look for a session there.
 *
 * A rule on the handler wins over one on its class. A rule on a class does not reach subclasses.
 *
 * @example
 * @Public()
 * @Post('sign-in')
 * async signIn(@Body() body: SignInDto, @CurrentHttpSession() http: HttpSession) {
 *   const user = await this.users.findByPassword(body);
 *   if (!user) throw new UnauthorizedException();
 *   await http.signIn({ userId: user.id, amr: ['pwd'] });
 * }
 *
 * @see The section "First five minutes" of the README.
 */
export const Public = () => allowAccess('public');

/**
 * Allows anonymous sessions as well, on a handler or a class: for a cart or an OAuth callback. Without it `SessionGuard`
 * answers 401 to a session without a user.
 *
 * @example
 * @AllowAnonymous()
 * @Get('cart')
 * cart(@CurrentSession() session: Session) {
 *   return session.data.cart ?? [];
 * }
 *
 * @see The section "Before sign-in" of the README.
 */
export const AllowAnonymous = () => allowAccess('anonymous');

/**
 * Allows sessions that await a second factor, and complete ones, on a handler or a class: for the page that asks for the
 * factor and the request that proves it. Everywhere else `SessionGuard` answers such a session with 401 and
 * `error: 'second_factor_required'`.
 *
 * @example
 * @AllowPendingFactor()
 * @Post('sign-in/code')
 * async prove(@Body() { code }: CodeDto, @CurrentHttpSession() http: HttpSession) {
 *   const session = await http.pending();
 *   if (!session || !this.totp.isValid(session.userId, code)) throw new UnauthorizedException();
 *   await http.reauthenticate({ amr: ['otp'] });
 * }
 *
 * @see The section "Second factors and step-up" of the README.
 */
export const AllowPendingFactor = () => allowAccess('pending-factor');

/**
 * Allows sessions that `onAnomaly` stopped by `step-up`, and complete ones, on a handler or a class: for the page that asks
 * for a proof and the request that brings it. Such a session may be stolen, so show nothing of the account there. Everywhere
 * else `SessionGuard` answers it with 401 and `error: 'reauth_required'`.
 *
 * @example
 * @AllowReauthentication()
 * @Post('prove')
 * async prove(@Body() { password }: PasswordDto, @CurrentHttpSession() http: HttpSession) {
 *   const session = await http.doubted();
 *   if (!session || !(await this.users.isPassword(session.userId, password))) throw new UnauthorizedException();
 *   await http.reauthenticate({ amr: ['pwd'] });
 * }
 *
 * @see The section "When another client uses a session" of the README.
 */
export const AllowReauthentication = () => allowAccess('reauthentication');
