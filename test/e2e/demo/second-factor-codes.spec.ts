import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { currentIdOf, devicesOf, isSignedIn, stageDemo } from './demo-stage.js';
import type { Answer } from './demo-visitor.js';
import {
  addTwoFactorUser,
  addUser,
  AuthenticatorApp,
  readRecoveryCodes,
  readSetUp,
  RECOVERY_CODES,
  SET_UP,
  signInTwice,
  type TwoFactorUser,
} from './second-factor.js';

const ATTEMPTS = 8;

describe.each(['express', 'fastify'] as const)('codes of a second factor, on %s', (httpAdapter) => {
  const demo = stageDemo({ store: 'postgres', httpAdapter });

  const halfSignedIn = async (user: TwoFactorUser) => {
    const visitor = demo.world.visitor();
    await visitor.signIn(user);
    return visitor;
  };

  const prove = async (user: TwoFactorUser, proof: Record<string, string>) =>
    (await halfSignedIn(user)).api('POST', '/reauthenticate', proof);

  const errorOf = ({ status, body }: Answer) => [status, body && JSON.parse(body).error];

  describe('of the app', () => {
    it('are accepted once, on whichever device, and none older than the last one (RFC 6238, 5.2)', async () => {
      const user = await addTwoFactorUser(demo);
      const [early, late] = [user.app.code(), user.app.code(1)];
      expect((await prove(user, { code: late })).status).toBe(204);
      for (const code of [late, early]) expect(errorOf(await prove(user, { code }))).toEqual([401, 'code_used']);
      demo.world.advanceCodes(2);
      expect((await prove(user, { code: user.app.code() })).status).toBe(204);
    });

    it('are used up by setting the app up', async () => {
      const user = await addUser(demo);
      const here = demo.world.visitor();
      await here.signIn(user);
      const { secret, ticket } = readSetUp(await here.get(SET_UP));
      const app = new AuthenticatorApp(secret, demo.world.nowMs);
      const code = app.code();
      await here.post(SET_UP, { ticket, code });
      expect(errorOf(await here.api('POST', '/reauthenticate', { code }))).toEqual([401, 'code_used']);
      const refused = await here.post('/confirm', { code });
      expect([refused.status, refused.body.includes('That code was used before.')]).toEqual([401, true]);
    });

    it('let one of many requests pass that come at once', async () => {
      const user = await addTwoFactorUser(demo);
      const visitors = await Promise.all(Array.from({ length: ATTEMPTS }, () => halfSignedIn(user)));
      const code = user.app.code();
      // Every one has read the step of the last code before any of them can write its own.
      const release = await holdFactor(demo.world.sql, user.email);
      const sent = visitors.map((visitor) => visitor.api('POST', '/reauthenticate', { code }));
      await untilWaiting(demo.world.sql, ATTEMPTS);
      await release();
      const answers = await Promise.all(sent);
      expect(countStatus(answers)).toEqual({ 204: 1, 401: ATTEMPTS - 1 });
      expect((await Promise.all(visitors.map(isSignedIn))).filter(Boolean)).toHaveLength(1);
    });

    it('may be one step early or late', async () => {
      const user = await addTwoFactorUser(demo);
      demo.world.advanceCodes();
      const [before, after] = [user.app.code(-1), user.app.code(1)];
      expect((await prove(user, { code: before })).status).toBe(204);
      expect((await prove(user, { code: after })).status).toBe(204);
      for (const steps of [-2, 2]) {
        expect(errorOf(await prove(user, { code: user.app.code(steps) }))).toEqual([401, 'wrong_code']);
      }
    });

    it('are another user’s for nobody', async () => {
      const [user, other] = [await addTwoFactorUser(demo), await addTwoFactorUser(demo)];
      expect(errorOf(await prove(user, { code: other.app.code() }))).toEqual([401, 'wrong_code']);
      expect(errorOf(await prove(user, { recoveryCode: other.recoveryCodes[0] ?? '' }))).toEqual([
        401,
        'wrong_recovery_code',
      ]);
    });

    it('may be guessed ten times in 15 minutes, from all devices together, recovery codes included', async () => {
      const user = await addTwoFactorUser(demo);
      for (let guess = 1; guess <= 9; guess++) {
        expect((await prove(user, { code: user.app.wrongCode() })).status).toBe(401);
      }
      expect((await prove(user, { recoveryCode: 'AAAA' })).status).toBe(401);
      expect(errorOf(await prove(user, { code: user.app.code() }))).toEqual([429, 'too_many_attempts']);
      const page = await (await halfSignedIn(user)).post('/sign-in/code', { code: user.app.code() });
      expect([page.status, page.body.includes('Too many attempts. Please wait 15 minutes.')]).toEqual([429, true]);
      demo.world.advanceCodes(30);
      expect((await prove(user, { code: user.app.code() })).status).toBe(204);
    });
  });

  describe('for recovery', () => {
    it('sign in once each, however they are typed, and make two factors', async () => {
      const user = await addTwoFactorUser(demo);
      const [first = '', second = ''] = user.recoveryCodes;
      const visitor = await halfSignedIn(user);
      const page = await visitor.get('/sign-in/code?returnTo=/sessions&with=recovery-code');
      expect(page.body).toMatch(
        /<label for="recovery-code">Recovery code<\/label>\s*<input id="recovery-code" name="recoveryCode"/,
      );
      const done = await visitor.post('/sign-in/code', {
        returnTo: '/sessions',
        recoveryCode: ` ${first.toLowerCase().replaceAll('-', ' ')}`,
      });
      expect(done.location).toBe('/sessions');
      expect(await devicesOf(visitor)).toContainEqual(
        expect.objectContaining({ current: true, assuranceLevel: 'aal2', awaitsSecondFactor: false }),
      );
      expect((await visitor.get('/')).body).toContain('with 7 recovery codes left');
      expect(errorOf(await prove(user, { recoveryCode: first }))).toEqual([401, 'wrong_recovery_code']);
      expect((await prove(user, { recoveryCode: second })).status).toBe(204);
    });

    it('let one of many requests pass that come at once', async () => {
      const user = await addTwoFactorUser(demo);
      const visitors = await Promise.all(Array.from({ length: ATTEMPTS }, () => halfSignedIn(user)));
      const [recoveryCode = ''] = user.recoveryCodes;
      const release = await holdFactor(demo.world.sql, user.email);
      const sent = visitors.map((visitor) => visitor.api('POST', '/reauthenticate', { recoveryCode }));
      await untilWaiting(demo.world.sql, ATTEMPTS);
      await release();
      const answers = await Promise.all(sent);
      expect(countStatus(answers)).toEqual({ 204: 1, 401: ATTEMPTS - 1 });
    });

    it('are replaced by new ones, which ends all other sessions; two lists at once leave one', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = await signInTwice(demo, user);
      const [old = ''] = user.recoveryCodes;
      const replaced = await visitor.post(visitor.formFor(await visitor.get(RECOVERY_CODES), /Make new codes/));
      expect(readRecoveryCodes(replaced)).toHaveLength(8);
      expect(await Promise.all([visitor, user.here].map(isSignedIn))).toEqual([true, false]);
      expect(errorOf(await prove(user, { recoveryCode: old }))).toEqual([401, 'wrong_recovery_code']);
      await Promise.all([visitor.post(RECOVERY_CODES), visitor.post(RECOVERY_CODES), visitor.post(RECOVERY_CODES)]);
      const { rows } = await demo.world.sql.query<{ count: string }>(
        'select count(*) from recovery_codes c join users u on u.id = c.user_id where u.email = $1',
        [user.email],
      );
      expect(rows[0]?.count).toBe('8');
    });

    it('need a fresh proof to be replaced', async () => {
      const user = await addTwoFactorUser(demo);
      const visitor = await signInTwice(demo, user);
      demo.world.switches.age(await currentIdOf(visitor));
      expect((await visitor.post(RECOVERY_CODES)).location).toBe(
        `/confirm?returnTo=${encodeURIComponent(RECOVERY_CODES)}`,
      );
    });
  });

  it('under another key are no wrong codes, but a fault of ours that names the key, and let nobody in', async () => {
    const user = await addTwoFactorUser(demo);
    const visitor = await halfSignedIn(user);
    await demo.world.sql.query(
      'update totp_factors f set sealed_secret = $2 from users u where u.id = f.user_id and u.email = $1',
      [user.email, randomBytes(60)],
    );
    expect((await visitor.post('/sign-in/code', { code: user.app.code() })).status).toBe(500);
    expect(await isSignedIn(visitor)).toBe(false);
    expect(demo.world.logs.lines.join('\n')).toContain('it was sealed under another SECOND_FACTOR_KEY');
  });
});

function countStatus(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

type Sql = ReturnType<typeof stageDemo>['world']['sql'];

/** Locks the rows of a user's second factor, which can then be read and not written, until it is called off. */
async function holdFactor(sql: Sql, email: string): Promise<() => Promise<void>> {
  await sql.query('begin');
  await sql.query(
    'select 1 from users u join totp_factors f on f.user_id = u.id join recovery_codes c on c.user_id = u.id where u.email = $1 for update',
    [email],
  );
  return async () => {
    await sql.query('commit');
  };
}

/** Until so many requests wait to write what is held: the first one for us, the others behind it. */
async function untilWaiting(sql: Sql, count: number): Promise<void> {
  const waiting = `select 1 from pg_locks where not granted and
    (transactionid = pg_current_xact_id()::xid or relation in ('totp_factors'::regclass, 'recovery_codes'::regclass))`;
  while ((await sql.query(waiting)).rowCount !== count);
}
