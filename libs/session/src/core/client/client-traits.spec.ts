import { describe, expect, it } from '@jest/globals';
import { findChangedClient, type ClientToCompare } from './client-traits.js';
import { createIpAddressForm, type IpAddressMode } from './ip-address-form.js';
import { createSessionId } from '../session/session-id.js';

const chrome = (version: number) =>
  `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0';
const KEY = 'a key of at least thirty-two bytes';
const id = createSessionId('ada');

const compare = (
  { ipAddress = '192.0.2.7', userAgent = chrome(141) }: Partial<ClientToCompare['record']>,
  client: ClientToCompare['client'],
  {
    mode = 'full',
    known = [],
    sessionId = id,
  }: { mode?: IpAddressMode; known?: readonly Uint8Array[]; sessionId?: string } = {},
) => {
  const toStoredIpAddress = createIpAddressForm(mode, KEY);
  const record = { id: sessionId, ipAddress: toStoredIpAddress(ipAddress), userAgent };
  return findChangedClient({ record, client, known, toStoredIpAddress });
};
const changesOf = (...given: Parameters<typeof compare>) => compare(...given)?.changes;

describe('a client that uses a session', () => {
  it.each([
    ['itself', { ipAddress: '192.0.2.7', userAgent: chrome(141) }],
    ['a newer version of its browser', { userAgent: chrome(142) }],
    ['its neighbour in the network', { ipAddress: '192.0.2.200' }],
    ['itself as an IPv4-mapped address', { ipAddress: '::ffff:192.0.2.7' }],
    ['somebody of whom nothing is known', {}],
    ['something without an address', { ipAddress: null, userAgent: chrome(141) }],
  ])('is no other one when it is %s', (_who, client) => {
    expect(changesOf({}, client)).toBeUndefined();
  });

  it.each([
    ['another browser', { userAgent: FIREFOX }, ['user-agent']],
    [
      'another system',
      { userAgent: chrome(141).replace('Windows NT 10.0; Win64; x64', 'X11; Linux x86_64') },
      ['user-agent'],
    ],
    ['one that does not say', { userAgent: null }, ['user-agent']],
    ['one that says nothing of meaning', { userAgent: '  \u0000 ' }, ['user-agent']],
    ['a script', { userAgent: 'curl/8.14.1' }, ['user-agent']],
    ['another network', { ipAddress: '192.0.3.7' }, ['network']],
    ['IPv6 instead of IPv4', { ipAddress: '2001:db8::7' }, ['network']],
    [
      'another browser in another network',
      { ipAddress: '198.51.100.7', userAgent: FIREFOX },
      ['user-agent', 'network'],
    ],
  ])('is another one when it is %s', (_who, client, changes) => {
    expect(changesOf({}, client)).toEqual(changes);
  });

  it('is compared with what the session began with, as far as that is known', () => {
    expect(changesOf({ userAgent: null }, { userAgent: FIREFOX })).toBeUndefined();
    expect(changesOf({ ipAddress: null }, { ipAddress: '198.51.100.7' })).toBeUndefined();
  });

  it.each<[IpAddressMode, string, string[] | undefined]>([
    ['truncated', '192.0.2.200', undefined],
    ['truncated', '192.0.3.7', ['network']],
    ['hashed', '192.0.2.7', undefined],
    ['hashed', '192.0.2.8', ['network']],
    ['none', '198.51.100.7', undefined],
  ])('with ipAddresses %s and the address %s has changed %j', (mode, ipAddress, changes) => {
    expect(changesOf({}, { ipAddress }, { mode })).toEqual(changes);
  });

  it('is known again by its traits, each by itself, and in this session only', () => {
    const known = compare({}, { ipAddress: '198.51.100.7', userAgent: FIREFOX })?.traits ?? [];
    expect(known.map((trait) => trait.byteLength)).toEqual([8, 8]);
    expect(changesOf({}, { ipAddress: '198.51.100.99', userAgent: FIREFOX }, { known })).toBeUndefined();
    expect(changesOf({}, { ipAddress: '192.0.2.1', userAgent: FIREFOX }, { known })).toBeUndefined();
    expect(changesOf({}, { ipAddress: '203.0.113.1', userAgent: FIREFOX }, { known })).toEqual(['network']);
    const elsewhere = { known, sessionId: createSessionId('ada') };
    expect(changesOf({}, { userAgent: FIREFOX }, elsewhere)).toEqual(['user-agent']);
  });

  it('cannot pass for another one by what it calls itself', () => {
    const known = compare({}, { userAgent: 'a\u0000windows/1.0' })?.traits ?? [];
    expect(changesOf({}, { userAgent: 'windows' }, { known })).toEqual(['user-agent']);
  });
});
