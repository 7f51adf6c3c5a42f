import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Secret } from 'otpauth';
import { toAuditRecord } from 'nest-sessions';
import { DemoStage } from './demo-stage.js';
import type { Answer } from './demo-visitor.js';
import { addTwoFactorUser, readRecoveryCodes, RECOVERY_CODES, REMOVAL, SET_UP, signInTwice } from './second-factor.js';
import { countOccurring } from './secrets.js';

/** Everything that a user with a second factor does, rightly and wrongly. Returns what nobody else may see. */
async function liveThroughEverything(demo: DemoStage) {
  const { world } = demo;
  const user = await addTwoFactorUser(demo);
  const codes = [user.app.code(-1), user.app.code()];
  const visitor = await signInTwice(demo, user);
  const replaced = await visitor.post(RECOVERY_CODES);
  const recoveryCodes = [...user.recoveryCodes, ...readRecoveryCodes(replaced)];
  const [, , , , , , , , first = '', second = ''] = recoveryCodes;
  const other = world.visitor();
  await other.signIn(user, '/sessions');
  for (const path of ['/', '/sign-in/code', '/sign-in/code?with=recovery-code', '/confirm', '/devices']) {
    await other.get(path);
  }
  const wrong = user.app.wrongCode();
  codes.push(wrong, user.app.code());
  await other.post('/sign-in/code', { code: codes[1] ?? '' });
  await other.post('/sign-in/code', { code: wrong });
  await other.post('/sign-in/code', { recoveryCode: `${first}A` });
  await other.api('POST', '/reauthenticate', { code: wrong });
  await other.post('/sign-in/code', { recoveryCode: first });
  await other.api('POST', '/reauthenticate', { recoveryCode: second });
  await other.api('POST', '/reauthenticate', { recoveryCode: second });
  for (const path of ['/', '/sessions', '/devices', '/confirm?with=password', SET_UP, RECOVERY_CODES]) {
    await other.get(path);
    await other.api('GET', path);
  }
  world.switches.isDown = true;
  await other.post('/confirm', { code: user.app.code() });
  world.switches.isDown = false;
  await other.post('/confirm', { code: user.app.code() });
  const keep = await addTwoFactorUser(demo);
  await other.post(REMOVAL);
  return {
    users: [user, keep],
    secrets: [user.app.secret, keep.app.secret],
    recoveryCodes: [...recoveryCodes, ...keep.recoveryCodes],
    codes,
  };
}

describe.each(['postgres', 'hybrid'] as const)('after a whole run with two factors, sessions in %s', (store) => {
  const demo = new DemoStage();
  let lived: Awaited<ReturnType<typeof liveThroughEverything>>;
  const audited: string[] = [];

  beforeAll(async () => {
    await demo.open({ store, httpAdapter: 'express' });
    demo.world.service.events.onAny((name, event) => {
      audited.push(JSON.stringify(toAuditRecord(name, event)));
    });
    lived = await liveThroughEverything(demo);
  });

  afterAll(() => demo.close());

  /** A secret or recovery code in every writing of it. */
  const needles = () => [
    ...lived.secrets.flatMap((secret) => {
      const bytes = Buffer.from(Secret.fromBase32(secret).bytes);
      const grouped = secret.replaceAll(/.{4}(?=.)/g, '$& ');
      return [secret, secret.toLowerCase(), grouped, bytes.toString('hex'), bytes.toString('base64')].map(toBytes);
    }),
    ...lived.recoveryCodes.flatMap((code) => [code, code.replaceAll('-', '')]).map(toBytes),
  ];

  const isShowing = ({ body }: Answer) => /class="(?:secret|recovery-codes)"/.test(body);

  it('what is looked for is found where it belongs: on the pages that show it once', () => {
    const shown = demo.world.answers.filter(isShowing).map(({ body }) => body);
    expect(shown).toHaveLength(5);
    for (const code of lived.recoveryCodes) {
      expect(shown.filter((body) => body.includes(code))).toHaveLength(1);
    }
    expect(countOccurring(needles(), shown.join('\n'))).toBeGreaterThanOrEqual(lived.recoveryCodes.length + 2);
  });

  it('nothing of it is in any other answer, nor any code in any header or address', () => {
    expect(demo.world.answers.length).toBeGreaterThan(30);
    for (const answer of demo.world.answers) {
      const headers = [...answer.headers].flat().join('\n');
      expect(countOccurring([...needles(), ...lived.codes.map(toBytes)], headers)).toBe(0);
    }
    const others = demo.world.answers.filter((answer) => !isShowing(answer)).map(({ body }) => body);
    expect(countOccurring(needles(), others.join('\n'))).toBe(0);
  });

  it('nothing of it, nor any code, is in the log or in an audit record, which tell of the refusals', () => {
    const log = demo.world.logs.lines.join('\n');
    expect(log).toContain('switched off by a test');
    expect(audited.join('\n')).toContain('second_factor_required');
    for (const text of [log, audited.join('\n')]) {
      expect(countOccurring(needles(), text)).toBe(0);
      for (const code of lived.codes) expect(text).not.toMatch(new RegExp(`(?<![\\d.])${code}(?!\\d)`));
    }
  });

  it('the database holds the secret sealed, and recovery codes as hashes', async () => {
    const { rows: tables } = await demo.world.sql.query<{ name: string }>(
      'select table_name as name from information_schema.tables where table_schema = $1',
      [demo.world.schema],
    );
    expect(tables.map(({ name }) => name)).toContain('totp_factors');
    for (const { name } of tables) {
      const { rows } = await demo.world.sql.query<{ row: string }>(`select to_jsonb(t)::text as row from "${name}" t`);
      const text = rows.map(({ row }) => row).join('\n');
      expect([name, countOccurring(needles(), text)]).toEqual([name, 0]);
    }
    const { rows: factors } = await demo.world.sql.query<{ sealed_secret: Buffer }>('select * from totp_factors');
    expect(factors).toHaveLength(1);
    const sealed = Buffer.concat(factors.map((row) => row.sealed_secret));
    const raw = lived.secrets.map((secret) => Buffer.from(Secret.fromBase32(secret).bytes));
    expect(countOccurring([...needles(), ...raw], sealed)).toBe(0);
    const { rows: left } = await demo.world.sql.query<{ code_hash: Buffer }>('select code_hash from recovery_codes');
    const hashes = lived.recoveryCodes.map((code) => createHash('sha256').update(code.replaceAll('-', '')).digest());
    expect(left).toHaveLength(8);
    expect(countOccurring(hashes, Buffer.concat(left.map((row) => row.code_hash)))).toBe(8);
  });

  it('neither Redis holds anything of it', async () => {
    for (const key of await demo.world.listKeys()) {
      const fields = await demo.world.redis.hgetallBuffer(key).catch(() => ({}));
      const dump = Buffer.concat([
        toBytes(key),
        ...Object.entries(fields).flatMap(([name, value]) => [toBytes(name), value]),
      ]);
      expect(countOccurring(needles(), dump)).toBe(0);
    }
  });
});

const toBytes = (text: string) => Buffer.from(text);
