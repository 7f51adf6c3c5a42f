import { describe, expect, it } from '@jest/globals';
import { SessionPolicyDescription, type SessionModuleOptions } from 'nest-sessions';
import { openHybrid, openMemory, openPostgres, openRedis, type E2eStore } from './support/e2e-stores.js';
import { ADAPTERS, startTestApp, type AdapterName } from './support/test-app.js';

/** As a proxy names the client, what a truncated form of it is, and how else its last part could show up. */
const CLIENTS = [
  { seen: '203.0.113.77', truncated: '203.0.113.0', traces: ['203.0.113.77'] },
  { seen: '::ffff:198.51.100.88', truncated: '198.51.100.0', traces: ['198.51.100.88', 'c633:6458'] },
  { seen: '2001:DB8:AAAA:BBBB::99', truncated: '2001:db8:aaaa::', traces: ['2001:db8:aaaa:bbbb', '::99'] },
] as const;

const STORES: readonly (readonly [string, AdapterName, () => Promise<E2eStore>])[] = [
  ['memory', 'fastify', openMemory],
  ['redis', 'express', openRedis],
  ['postgres', 'fastify', openPostgres],
  ['hybrid', 'express', openHybrid],
];

interface Outcome {
  /** What the manage-devices list says of each client, in the order of `CLIENTS`. */
  readonly listed: readonly (string | null)[];
  /** Everything that was stored, logged, told to listeners or answered, in lower case. */
  readonly everything: string;
}

/** Lets each client sign in, prove who they are again, one of two devices sign the other out, and another site try. */
async function observe(
  open: () => Promise<E2eStore>,
  { adapter, options }: { adapter: AdapterName; options: Partial<SessionModuleOptions> },
): Promise<Outcome> {
  const backend = await open();
  const app = await startTestApp({ adapter, trustProxy: true, options: { ...options, store: backend.definition } });
  const told: unknown[] = [];
  for (const name of ['created', 'rotated', 'reauthenticated', 'ended', 'csrf-rejected'] as const) {
    app.sessions.events.on(name, (event) => void told.push([name, event]));
  }
  const answers: string[] = [];
  const listed: (string | null)[] = [];
  try {
    for (const [index, { seen }] of CLIENTS.entries()) {
      const headers = { 'x-forwarded-for': seen };
      const userId = `user-${index}`;
      const send = async (method: string, path: string, cookie?: string, body?: unknown) => {
        const answer = await app.client.send({ method, path, headers, body, cookies: cookie ? [cookie] : [] });
        answers.push(answer.text);
        return { answer, cookie: answer.setCookies[0]?.split(';')[0] };
      };
      const other = await send('POST', '/sign-in', undefined, { userId, device: 'other' });
      const first = await send('POST', '/sign-in', undefined, { userId, device: 'this' });
      const { cookie } = await send('POST', '/reauthenticate', first.cookie, {});
      const devices = (await send('GET', '/devices', cookie)).answer.json() as { ipAddress: string | null }[];
      expect(devices).toHaveLength(2);
      listed.push(...new Set(devices.map(({ ipAddress }) => ipAddress)));
      expect((await send('DELETE', '/devices', cookie)).answer.json()).toEqual({ revoked: 1 });
      expect((await send('GET', '/me', other.cookie)).answer.status).toBe(401);
      const foreign = { ...headers, 'sec-fetch-site': 'cross-site' };
      expect((await app.client.send({ method: 'POST', path: '/sign-out', headers: foreign })).status).toBe(403);
    }
    // The service without HTTP takes the same way.
    const direct = await app.sessions.create({ userId: 'job', ipAddress: CLIENTS[0].seen });
    expect(direct.session.ipAddress).toBe(listed[0]);
    expect(told).toHaveLength(CLIENTS.length * 5 + 1);
    const everything = JSON.stringify([await backend.dump(), app.log, told, answers]).toLowerCase();
    return { listed, everything };
  } finally {
    await app.close();
    await backend.close();
  }
}

const traced = ({ everything }: Outcome) =>
  CLIENTS.flatMap(({ traces }) => traces.filter((trace) => everything.includes(trace)));

describe.each(STORES)('clients’ addresses with the %s store, on %s', (_store, adapter, open) => {
  const observeMode = (ipAddresses: SessionModuleOptions['ipAddresses']) =>
    observe(open, { adapter, options: { ipAddresses } });

  it('are kept whole by default, which also proves that this test would see them', async () => {
    const outcome = await observeMode(undefined);
    expect(outcome.listed).toEqual(['203.0.113.77', '198.51.100.88', '2001:db8:aaaa:bbbb::99']);
    expect(traced(outcome)).toEqual(['203.0.113.77', '198.51.100.88', '2001:db8:aaaa:bbbb', '::99']);
  });

  it('are kept as networks when truncated, and whole nowhere', async () => {
    const outcome = await observeMode('truncated');
    expect(outcome.listed).toEqual(CLIENTS.map(({ truncated }) => truncated));
    expect(traced(outcome)).toEqual([]);
  });

  it('are kept as pseudonyms when hashed, whole and as networks nowhere', async () => {
    const outcome = await observeMode({ mode: 'hashed', key: 'a key of its own for addresses, 32+' });
    for (const address of outcome.listed) expect(address).toMatch(/^fd[0-9a-f]{2}:/);
    expect(new Set(outcome.listed).size).toBe(CLIENTS.length);
    expect(traced(outcome)).toEqual([]);
    expect(CLIENTS.filter(({ truncated }) => outcome.everything.includes(truncated.replace(/\.0$/, '.')))).toEqual([]);
  });

  it('are not kept at all with none', async () => {
    const outcome = await observeMode('none');
    expect(outcome.listed).toEqual([null, null, null]);
    expect(traced(outcome)).toEqual([]);
    expect(CLIENTS.filter(({ truncated }) => outcome.everything.includes(truncated))).toEqual([]);
  });
});

describe.each(ADAPTERS)('the mode of addresses on %s', (adapter) => {
  it('is in the description of the policy, its key is not', async () => {
    const key = 'a key of its own for addresses, 32+';
    const app = await startTestApp({ adapter, options: { ipAddresses: { mode: 'hashed', key } } });
    const description = app.nest.get(SessionPolicyDescription);
    expect(description.describePolicy().ipAddresses).toBe('hashed');
    expect(JSON.stringify(description) + String(description)).not.toContain(key);
    await app.close();
  });
});
