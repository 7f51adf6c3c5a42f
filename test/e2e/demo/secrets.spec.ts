import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DEMO_USERS } from '../../../apps/demo/src/users/demo-users.js';
import { SAFARI_ON_IPHONE } from './demo-visitor.js';
import { DemoWorld } from './demo-world.js';
import { countOccurring, IssuedTokens } from './secrets.js';

const [ADA, GRACE] = DEMO_USERS;

/** Every way in which a session begins, changes, fails and ends here. */
async function liveThroughEverything(world: DemoWorld): Promise<void> {
  const laptop = world.visitor();
  const phone = world.visitor({ userAgent: SAFARI_ON_IPHONE });
  const stranger = world.visitor();
  await laptop.signIn(ADA);
  await phone.signIn(ADA);
  await stranger.signIn(GRACE);
  await stranger.signIn({ email: ADA.email, password: 'guess' });
  const pages = ['/', '/sessions', '/devices', '/sessions/sign-out-others/confirm', '/nowhere', '/sign-in'];
  for (const path of pages) await laptop.get(path);
  await laptop.api('GET', '/devices');
  const devices = await laptop.apiJson<{ id: string; current: boolean }[]>('GET', '/devices');
  for (const { id } of devices) {
    await stranger.api('DELETE', `/devices/${id}`);
    world.switches.age(id);
  }
  await laptop.post('/sessions/sign-out-others');
  await laptop.post('/sessions/sign-out-others/confirm', { password: 'guess' });
  await phone.api('DELETE', '/devices');
  await phone.api('POST', '/reauthenticate', { password: 'guess' });
  await phone.api('POST', '/reauthenticate', { password: ADA.password });
  await laptop.post('/sessions/sign-out-others/confirm', { password: ADA.password });
  await phone.get('/');
  await sendStrangeCookies(world, stranger.cookie ?? '');
  world.switches.isDown = true;
  for (const path of pages) await laptop.get(path);
  await laptop.api('GET', '/devices');
  await stranger.post('/sign-out');
  world.switches.isDown = false;
  await laptop.signIn(ADA);
  const ended = world.visitor();
  ended.cookie = laptop.cookie;
  await laptop.post('/sign-out');
  await ended.get('/');
  await ended.api('GET', '/devices');
  await phone.signIn(GRACE);
  await laptop.signIn(ADA);
}

async function sendStrangeCookies(world: DemoWorld, cookie: string): Promise<void> {
  const token = cookie.split('=')[1] ?? '';
  const tampered = `${token.slice(0, -4)}AAAA`;
  for (const strange of [`session=${tampered}`, `${cookie}; session=${tampered}`, `session="${token}"`, 'session=']) {
    const visitor = world.visitor();
    visitor.cookie = strange;
    await visitor.get('/');
    visitor.cookie = strange;
    await visitor.api('GET', '/devices');
  }
}

describe.each(['postgres', 'redis', 'hybrid'] as const)(
  'after a whole run with sessions in %s (alexedwards/scs#197, ASVS 16.2.5)',
  (store) => {
    let world: DemoWorld;
    const issued = new IssuedTokens();

    beforeAll(async () => {
      world = await DemoWorld.start({ store });
      await liveThroughEverything(world);
      for (const { cookies } of world.answers) issued.collect(cookies);
    });

    afterAll(async () => {
      await world.close();
    });

    const expectNothingIn = (haystack: Buffer | string) => {
      expect(countOccurring(issued.listSecrets(), haystack)).toBe(0);
      expect(countOccurring(issued.listHashes(), haystack)).toBe(0);
    };

    it('tokens were handed out, in Set-Cookie, where this search finds them', () => {
      expect(issued.count).toBeGreaterThanOrEqual(7);
      const cookies = world.answers.flatMap((answer) => answer.cookies).join('\n');
      expect(countOccurring(issued.listSecrets(), cookies)).toBeGreaterThanOrEqual(issued.count);
    });

    it('no token, secret or hash is in any body or other header (ASVS 3.3.4)', () => {
      expect(world.answers.length).toBeGreaterThan(40);
      for (const { body, headers } of world.answers) {
        const others = [...headers].filter(([name]) => name !== 'set-cookie');
        expectNothingIn(`${others.join('\n')}\n\n${body}`);
      }
    });

    it('none is in any line of the log, which does tell of the refusals', () => {
      const log = world.logs.lines.join('\n');
      expect(log).toContain('unavailable');
      expectNothingIn(log);
    });

    it('none is in any table, the hash column aside', async () => {
      const { rows: tables } = await world.sql.query<{ name: string }>(
        'select table_name as name from information_schema.tables where table_schema = $1',
        [world.schema],
      );
      expect(tables.map(({ name }) => name)).toContain('users');
      for (const { name } of tables) {
        const { rows } = await world.sql.query<{ row: string }>(
          `select (to_jsonb(t) - 'token_hash')::text as row from "${world.schema}"."${name}" t`,
        );
        expectNothingIn(rows.map(({ row }) => row).join('\n'));
      }
    });

    if (store !== 'redis') {
      it('the hash column holds hashes and no secret', async () => {
        const { rows } = await world.sql.query<{ token_hash: Buffer }>('select token_hash from sessions');
        const column = Buffer.concat(rows.map((row) => row.token_hash));
        expect(countOccurring(issued.listHashes(), column)).toBeGreaterThan(0);
        expect(countOccurring(issued.listSecrets(), column)).toBe(0);
      });
    }

    if (store !== 'postgres') {
      it('Redis holds the hash once in each record, and no secret in any key or value', async () => {
        const keys = await world.listKeys();
        expect(keys.length).toBeGreaterThan(0);
        let hashes = 0;
        for (const key of keys) {
          const fields = await world.redis.hgetallBuffer(key);
          const dump = Buffer.concat([
            Buffer.from(key),
            ...Object.entries(fields).flatMap(([name, value]) => [Buffer.from(name), value]),
          ]);
          expect(countOccurring(issued.listSecrets(), dump)).toBe(0);
          hashes += countOccurring(issued.listHashes(), dump);
          expect(countOccurring(issued.listHashes(), Object.keys(fields).join('\n'))).toBe(0);
        }
        expect(hashes).toBeGreaterThan(0);
      });
    }
  },
);
